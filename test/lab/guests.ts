/** Guests: boot, talk to their agent, delete. */
import { randomInt } from 'node:crypto';
import type { Lab } from './lab.ts';
import { AGENT_PORTS, GUEST_BYTES, planGuest } from './plan.ts';
import { waitFor } from './processes.ts';
import { FLAVORS, type Flavor, guestImage, tenantNetwork } from './resources.ts';
import { SERVICE_URLS } from './rest.ts';

const PORTS_URL = `${SERVICE_URLS.network}/v2.0/ports`;
const ACTIVE_TIMEOUT_MS = 120_000;
const ANSWER_TIMEOUT_MS = 60_000;
const DELETE_TIMEOUT_MS = 60_000;

export interface Guest {
  /** Nova's id, also libvirt's uuid. */
  id: string;
  name: string;
  ip: string;
  /** libvirt's name on its host, e.g. `instance-00000001`. */
  domain: string;
  /** Its interface on its host. */
  tap: string;
  portId: string;
}

export interface BootOptions {
  name: string;
  /** Where; default: the scheduler chooses. */
  host?: string;
  /** Default `m256`. */
  flavor?: Flavor;
  /** Memory that the agent fills; default a little under half of it. */
  fillMebibytes?: number;
  /** Nova's metadata of the server. */
  metadata?: Record<string, string>;
  /** Id of a server group. */
  group?: string;
}

/** What the agent's `verify` found. */
export interface Verification {
  /** Pages whose content is wrong; of these so many hold an older content. */
  badPages: number;
  stalePages: number;
  pages: number;
  /** Pages written since the start, and the same number as counted page by page. */
  pagesWritten: number;
  sumOfVersions: number;
}

/** Boots a guest and waits until its agent answers. Several at once are fine. */
export async function boot(lab: Lab, options: BootOptions): Promise<Guest> {
  if (options.host !== undefined) lab.host(options.host);
  const flavor = options.flavor ?? 'm256';
  checkFill(flavor, options.fillMebibytes);
  const port = await createPort(lab, options.name);
  let id: string | undefined;
  try {
    const server = {
      name: options.name,
      imageRef: await guestImage(lab.rest, options.fillMebibytes),
      flavorRef: flavor,
      networks: [{ port: port.id }],
      metadata: options.metadata ?? {},
      ...(options.host === undefined ? {} : { host: options.host }),
    };
    const hints = options.group === undefined ? {} : { 'os:scheduler_hints': { group: options.group } };
    id = (await lab.mustNova('POST', '/servers', { server, ...hints })).json.server.id as string;
    const tap = `tap${port.id.slice(0, 11)}`;
    const domain = await waitUntilActive(lab, id);
    const guest = { id, name: options.name, ip: port.ip, domain, tap, portId: port.id };
    const log = `the console log of ${id} (nova console-log)`;
    await waitFor(`agent of ${options.name}`, ANSWER_TIMEOUT_MS, log, () => agentAnswers(lab, guest));
    return guest;
  } catch (error) {
    if (id !== undefined) await lab.nova('DELETE', `/servers/${id}`);
    await lab.rest.call('DELETE', `${PORTS_URL}/${port.id}`);
    throw error;
  }
}

function checkFill(flavor: Flavor, fillMebibytes: number | undefined): void {
  const most = FLAVORS[flavor] - 64; // kernel and ramdisk need the rest
  if (fillMebibytes !== undefined && (fillMebibytes < 1 || fillMebibytes > most)) {
    throw new Error(`fillMebibytes ${fillMebibytes}: 1 to ${most} for flavor ${flavor}`);
  }
}

/** Chooses the guest's address; Neutron refuses one that is taken, also against another program booting now. */
async function createPort(lab: Lab, name: string): Promise<{ id: string; ip: string }> {
  const networkId = await tenantNetwork(lab.rest);
  for (let attempt = 0; attempt < 50; attempt++) {
    const { ip, mac } = planGuest(randomInt(GUEST_BYTES.first, GUEST_BYTES.last + 1));
    const port = { name, network_id: networkId, mac_address: mac, fixed_ips: [{ ip_address: ip }] };
    const answer = await lab.rest.call('POST', PORTS_URL, { body: { port } });
    if (answer.status === 201) return { id: answer.json.port.id, ip };
    if (answer.status !== 409) throw new Error(`Neutron made no port: ${answer.status} ${answer.body}`);
  }
  throw new Error('no free address for a guest: delete ports that are left over');
}

/** @returns libvirt's name of it */
async function waitUntilActive(lab: Lab, id: string): Promise<string> {
  let server: { status: string; fault?: unknown; 'OS-EXT-SRV-ATTR:instance_name'?: string } = { status: '' };
  await waitFor(`server ${id}`, ACTIVE_TIMEOUT_MS, `${lab.paths.log}/nova-compute-*.log`, async () => {
    server = (await lab.mustNova('GET', `/servers/${id}`)).json.server;
    return server.status === 'ACTIVE' || server.status === 'ERROR';
  });
  const domain = server['OS-EXT-SRV-ATTR:instance_name'];
  if (server.status === 'ACTIVE' && domain !== undefined) return domain;
  throw new Error(`server ${id} is ${server.status}: ${JSON.stringify(server.fault)}`);
}

async function agentAnswers(lab: Lab, guest: Guest): Promise<boolean> {
  return (await agent(lab, guest, 'stat', 1000)).startsWith('rx=');
}

/** One command to a guest's agent (see guest/agent.c) and its answer. */
export function agent(lab: Lab, guest: Pick<Guest, 'ip'>, line: string, timeoutMs = 20_000): Promise<string> {
  return lab.line(guest.ip, AGENT_PORTS.command, line, timeoutMs);
}

/** Rewrites the first MiB of the guest's memory at MiB/s; a rate of 0 stops. */
export async function dirtyMemory(
  lab: Lab,
  guest: Guest,
  mebibytes: number,
  mebibytesPerSecond: number,
): Promise<void> {
  const answer = await agent(lab, guest, `dirty ${mebibytes} ${mebibytesPerSecond}`);
  if (!answer.startsWith('ok')) throw new Error(`agent of ${guest.name}: ${answer}`);
}

/** Compares all of the filled memory with what was written there. */
export async function verifyMemory(lab: Lab, guest: Guest, timeoutMs = 60_000): Promise<Verification> {
  const answer = await agent(lab, guest, 'verify', timeoutMs);
  const figures = parseFigures(answer);
  const figure = (name: string) => {
    const value = figures[name];
    if (value === undefined) throw new Error(`agent of ${guest.name} answered ${JSON.stringify(answer)}`);
    return value;
  };
  return {
    badPages: figure('bad'),
    stalePages: figure('stale'),
    pages: figure('pages'),
    pagesWritten: figure('dirtied'),
    sumOfVersions: figure('sum'),
  };
}

/** `a=1 b=2.5` as numbers. */
export function parseFigures(text: string): Record<string, number> {
  return Object.fromEntries([...text.matchAll(/(\w+)=(-?[\d.]+)/g)].map(([, name, value]) => [name, Number(value)]));
}

/** The host that a guest is on, as Nova says. */
export async function hostOf(lab: Lab, guest: Pick<Guest, 'id'>): Promise<string> {
  return (await lab.mustNova('GET', `/servers/${guest.id}`)).json.server['OS-EXT-SRV-ATTR:host'];
}

/** Deletes the guest and its port, and waits until it is gone. */
export async function deleteGuest(lab: Lab, guest: Pick<Guest, 'id' | 'portId' | 'name'>): Promise<void> {
  await lab.nova('DELETE', `/servers/${guest.id}`);
  const gone = async () => (await lab.nova('GET', `/servers/${guest.id}`)).status === 404;
  await waitFor(`deletion of ${guest.name}`, DELETE_TIMEOUT_MS, `${lab.paths.log}/nova-compute-*.log`, gone);
  await lab.rest.call('DELETE', `${PORTS_URL}/${guest.portId}`);
}
