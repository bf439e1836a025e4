/** What the lab keeps in OpenStack: services and their endpoints, flavors, the guest's image, the tenants' network. */
import { PASSWORD, REGION, SERVICE_USER } from './config/identity.ts';
import { PROVIDER_NETWORK } from './config/neutron.ts';
import type { GuestFiles } from './guest/build.ts';
import { GUEST_BYTES, PEER_ADDRESS, planGuest, TENANT_NETWORK } from './plan.ts';
import { type Rest, SERVICE_URLS } from './rest.ts';

/** Flavors and their memory, MiB. */
export const FLAVORS = { m128: 128, m256: 256, m512: 512 } as const;
export type Flavor = keyof typeof FLAVORS;

export const GUEST_IMAGE = 'guest';
const KERNEL_IMAGE = 'guest-kernel';
const RAMDISK_IMAGE = 'guest-ramdisk';

const IDENTITY = SERVICE_URLS.identity;
const IMAGES = `${SERVICE_URLS.image}/v2/images`;
const NETWORK = `${SERVICE_URLS.network}/v2.0`;

const CATALOGUE = [
  ['compute', 'nova', SERVICE_URLS.compute],
  ['placement', 'placement', SERVICE_URLS.placement],
  ['image', 'glance', SERVICE_URLS.image],
  ['network', 'neutron', SERVICE_URLS.network],
] as const;

/** The service user and the catalogue. For an empty Keystone. */
export async function createServices(rest: Rest): Promise<void> {
  const inDomain = { name: SERVICE_USER, domain_id: 'default' };
  const project = (await rest.must('POST', `${IDENTITY}/projects`, { body: { project: inDomain } })).json.project.id;
  const newUser = { ...inDomain, password: PASSWORD, default_project_id: project };
  const user = (await rest.must('POST', `${IDENTITY}/users`, { body: { user: newUser } })).json.user.id;
  const roles: { id: string; name: string }[] = (await rest.must('GET', `${IDENTITY}/roles`)).json.roles;
  const service = roles.find((role) => role.name === 'service')?.id ?? (await createRole(rest, 'service'));
  const admin = roles.find((role) => role.name === 'admin')?.id;
  for (const role of [admin, service]) {
    await rest.must('PUT', `${IDENTITY}/projects/${project}/users/${user}/roles/${role}`);
  }
  await Promise.all(CATALOGUE.map(([type, name, url]) => createService(rest, type, name, url)));
}

async function createRole(rest: Rest, name: string): Promise<string> {
  return (await rest.must('POST', `${IDENTITY}/roles`, { body: { role: { name } } })).json.role.id;
}

async function createService(rest: Rest, type: string, name: string, url: string): Promise<void> {
  const id = (await rest.must('POST', `${IDENTITY}/services`, { body: { service: { type, name } } })).json.service.id;
  for (const face of ['public', 'internal', 'admin']) {
    const endpoint = { service_id: id, interface: face, region_id: REGION, url };
    await rest.must('POST', `${IDENTITY}/endpoints`, { body: { endpoint } });
  }
}

/**
 * Makes `url` the public compute endpoint; the other faces of the catalogue lead to Nova itself, for the services.
 * The catalogue is also put right where a program was killed before it could do so.
 */
export async function setPublicCompute(rest: Rest, url: string): Promise<void> {
  const [service] = (await rest.must('GET', `${IDENTITY}/services?type=compute`)).json.services;
  const found = await rest.must('GET', `${IDENTITY}/endpoints?service_id=${service.id}`);
  const endpoints: { id: string; interface: string; url: string }[] = found.json.endpoints;
  for (const endpoint of endpoints) {
    const right = endpoint.interface === 'public' ? url : SERVICE_URLS.compute;
    if (endpoint.url === right) continue;
    await rest.must('PATCH', `${IDENTITY}/endpoints/${endpoint.id}`, { body: { endpoint: { url: right } } });
  }
}

/** Flavors; does nothing where they are there. */
export async function createFlavors(rest: Rest): Promise<void> {
  const url = `${SERVICE_URLS.compute}/flavors`;
  const present: { name: string }[] = (await rest.must('GET', url)).json.flavors;
  for (const [name, ram] of Object.entries(FLAVORS)) {
    if (present.some((flavor) => flavor.name === name)) continue;
    await rest.must('POST', url, { body: { flavor: { id: name, name, ram, vcpus: 1, disk: 0 } } });
  }
}

/** The guest's kernel, ramdisk and disk. Images whose files have changed since are replaced. */
export async function createImages(rest: Rest, files: GuestFiles): Promise<void> {
  const present: { id: string; name: string; drover_source?: string }[] = (await rest.must('GET', IMAGES)).json.images;
  const stale = present.filter(
    (image) => ![files.kernel, files.ramdisk, files.disk].includes(image.drover_source ?? ''),
  );
  for (const image of stale) await rest.must('DELETE', `${IMAGES}/${image.id}`);
  const id = (name: string) => present.find((image) => image.name === name && !stale.includes(image))?.id;
  const kernel = id(KERNEL_IMAGE) ?? (await createImage(rest, KERNEL_IMAGE, 'aki', files.kernel));
  const ramdisk = id(RAMDISK_IMAGE) ?? (await createImage(rest, RAMDISK_IMAGE, 'ari', files.ramdisk));
  if (id(GUEST_IMAGE) === undefined) await createGuestImage(rest, GUEST_IMAGE, files.disk, kernel, ramdisk, '');
}

/**
 * The image of a guest that fills so many MiB of its memory: nova passes the kernel's command line with the image.
 * @returns the image's id
 */
export async function guestImage(rest: Rest, fillMebibytes?: number): Promise<string> {
  const images = (await rest.must('GET', IMAGES)).json.images;
  const find = (name: string) => images.find((image: { name: string }) => image.name === name);
  const name = fillMebibytes === undefined ? GUEST_IMAGE : `${GUEST_IMAGE}-fill-${fillMebibytes}`;
  const present = find(name);
  if (present?.status === 'active') return present.id;
  const { kernel_id, ramdisk_id, drover_source } = find(GUEST_IMAGE);
  return createGuestImage(rest, name, drover_source, kernel_id, ramdisk_id, `fill=${fillMebibytes}`);
}

function createGuestImage(rest: Rest, name: string, file: string, kernel: string, ramdisk: string, options: string) {
  const commandLine = `console=ttyS0 quiet ${options}`.trim();
  const boot = { kernel_id: kernel, ramdisk_id: ramdisk, os_command_line: commandLine };
  return createImage(rest, name, 'raw', file, { ...boot, container_format: 'bare' });
}

async function createImage(rest: Rest, name: string, format: string, file: string, extra = {}): Promise<string> {
  const body = {
    name,
    disk_format: format,
    container_format: format,
    visibility: 'public',
    drover_source: file,
    ...extra,
  };
  const id: string = (await rest.must('POST', IMAGES, { body })).json.id;
  const headers = { 'Content-Type': 'application/octet-stream' };
  await rest.must('PUT', `${IMAGES}/${id}/file`, { bodyFile: file, headers });
  return id;
}

/** The tenants' network. @returns its id */
export async function createTenantNetwork(rest: Rest): Promise<string> {
  const present = await tenantNetwork(rest);
  if (present !== undefined) return present;
  const network = {
    name: PROVIDER_NETWORK,
    'provider:network_type': 'flat',
    'provider:physical_network': PROVIDER_NETWORK,
    port_security_enabled: false,
  };
  const id: string = (await rest.must('POST', `${NETWORK}/networks`, { body: { network } })).json.network.id;
  const pool = { start: planGuest(GUEST_BYTES.first).ip, end: planGuest(GUEST_BYTES.last).ip };
  const subnet = {
    network_id: id,
    name: PROVIDER_NETWORK,
    ip_version: 4,
    cidr: TENANT_NETWORK,
    gateway_ip: PEER_ADDRESS,
    enable_dhcp: false, // the guest knows its address from its MAC
    allocation_pools: [pool],
  };
  await rest.must('POST', `${NETWORK}/subnets`, { body: { subnet } });
  return id;
}

export async function tenantNetwork(rest: Rest): Promise<string | undefined> {
  return (await rest.must('GET', `${NETWORK}/networks?name=${PROVIDER_NETWORK}`)).json.networks[0]?.id;
}

/** How many hosts have reported to Nova and Neutron since then: both go on believing in a dead one for a minute. */
export async function countAliveHosts(
  rest: Rest,
  since: Date,
): Promise<{ computes: number; hypervisors: number; agents: number }> {
  const [services, hypervisors, agents] = await Promise.all([
    rest.must('GET', `${SERVICE_URLS.compute}/os-services?binary=nova-compute`),
    rest.must('GET', `${SERVICE_URLS.compute}/os-hypervisors`),
    rest.must('GET', `${NETWORK}/agents`),
  ]);
  const recent = (utc: string | null) => utc !== null && Date.parse(`${utc.replace(' ', 'T')}Z`) > since.getTime();
  return {
    computes: services.json.services.filter((service: Record<string, string>) => {
      return service.state === 'up' && recent(service.updated_at ?? null);
    }).length,
    hypervisors: hypervisors.json.hypervisors.length,
    agents: agents.json.agents.filter((agent: { started_at: string }) => recent(agent.started_at)).length,
  };
}

/** Deletes all guests and their ports: none survives the end of its host's namespaces. */
export async function deleteLeftovers(rest: Rest): Promise<void> {
  const servers: { id: string }[] = (await rest.must('GET', `${SERVICE_URLS.compute}/servers`)).json.servers;
  for (const { id } of servers) await rest.call('DELETE', `${SERVICE_URLS.compute}/servers/${id}`);
  const ports: { id: string }[] = (await rest.must('GET', `${NETWORK}/ports`)).json.ports;
  for (const { id } of ports) await rest.call('DELETE', `${NETWORK}/ports/${id}`);
}
