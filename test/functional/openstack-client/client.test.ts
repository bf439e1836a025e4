import { createServer } from 'node:net';
import { OpenStackClient, type OpenStackConfig, OpenStackError } from 'openstack-client-ts';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { findMigration } from '../../../plugin/nova/watch.ts';
import { type Cloud, cloud, json } from './cloud.ts';

const VM = '1f0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e90';
const MIB = 2 ** 20;

function clientOf(self: Cloud, extra: Partial<OpenStackConfig> = {}): OpenStackClient {
  return new OpenStackClient({
    authUrl: `${self.url}/identity`,
    username: 'drover',
    password: 'secret',
    projectName: 'service',
    region: 'one',
    ...extra,
  });
}

const SERVER = {
  id: VM,
  name: 'web.1',
  status: 'ACTIVE',
  tenant_id: 'project-1',
  user_id: 'user-1',
  metadata: { 'drover:postcopy': 'never' },
  locked: true,
  flavor: { original_name: 'm1', vcpus: 2, ram: 256, disk: 1, extra_specs: {} },
  'OS-EXT-AZ:availability_zone': 'nova',
  'OS-EXT-SRV-ATTR:host': 'hosta',
  'OS-EXT-SRV-ATTR:hypervisor_hostname': 'hosta.example',
  'OS-EXT-SRV-ATTR:instance_name': 'instance-00000005',
  'OS-EXT-STS:task_state': null,
  'OS-EXT-STS:vm_state': 'active',
  'OS-EXT-STS:power_state': 1,
};

const MIGRATION = {
  id: 4,
  uuid: '8a1e0c52-1111-4a6e-9d5c-0f5d0f2f7a01',
  status: 'running (post-copy)',
  migration_type: 'live-migration',
  instance_uuid: VM,
  source_compute: 'hosta',
  dest_compute: null,
  created_at: '2026-11-22T11:32:49.000000',
  updated_at: null,
  user_id: 'u',
  project_id: 'p',
};

test('it logs in with the password, finds Nova in the catalogue and reads a server', async () => {
  const self = await cloud();
  self.nova = (_asked, response) => json(response, 200, { server: SERVER });
  const server = await clientOf(self).showServer(VM);
  expect(server).toEqual({
    id: VM,
    name: 'web.1',
    status: 'ACTIVE',
    vmState: 'active',
    taskState: null,
    powerState: 1,
    locked: true,
    host: 'hosta',
    node: 'hosta.example',
    instanceName: 'instance-00000005',
    metadata: { 'drover:postcopy': 'never' },
    projectId: 'project-1',
    userId: 'user-1',
    imageId: null,
    availabilityZone: 'nova',
    flavor: { name: 'm1', vcpus: 2, memoryBytes: 256 * MIB, diskBytes: 1024 * MIB },
    microversion: '2.80',
  });
  const [login, show] = self.asked;
  expect(login?.body).toEqual({
    auth: {
      identity: {
        methods: ['password'],
        password: { user: { name: 'drover', password: 'secret', domain: { id: 'default' } } },
      },
      scope: { project: { name: 'service', domain: { id: 'default' } } },
    },
  });
  expect(show?.path).toBe(`/compute/v2.1/servers/${VM}`);
  expect(show?.headers).toMatchObject({
    'x-auth-token': 'token-1',
    'openstack-api-version': 'compute 2.80',
    'x-openstack-nova-api-version': '2.80',
  });
});

test('an endpoint in the configuration wins over the catalogue, and gets its version', async () => {
  const self = await cloud();
  self.nova = (_asked, response) => json(response, 200, { server: SERVER });
  await clientOf(self, { computeEndpoint: `${self.url}/` }).showServer(VM);
  expect(self.asked.at(-1)?.path).toBe(`/v2.1/servers/${VM}`);
});

test('callers that come together share one login', async () => {
  const self = await cloud();
  self.nova = (_asked, response) => json(response, 200, { server: SERVER });
  const client = clientOf(self);
  await Promise.all(Array.from({ length: 20 }, () => client.showServer(VM)));
  await client.showServer(VM);
  expect(self.logins).toBe(1);
});

test('a token near its end is renewed before it is used', async () => {
  const self = await cloud();
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  self.tokenLifeMs = 1000;
  self.nova = (_asked, response) => json(response, 200, { server: SERVER });
  const client = clientOf(self);
  await client.showServer(VM);
  await client.showServer(VM);
  expect(self.logins).toBe(1);
  vi.setSystemTime(Date.now() + 501);
  await client.showServer(VM);
  expect(self.logins).toBe(2);
  expect(self.asked.at(-1)?.headers['x-auth-token']).toBe('token-2');
});

test('a refused token leads to one new login for all, and the calls succeed', async () => {
  const self = await cloud();
  self.nova = (_asked, response) => json(response, 200, { server: SERVER });
  const client = clientOf(self);
  await client.showServer(VM);
  self.valid = new Set(['token-2']);
  await Promise.all([client.showServer(VM), client.showServer(VM), client.showServer(VM)]);
  expect(self.logins).toBe(2);
});

test('a refusal that stays is an error after the second try', async () => {
  const self = await cloud();
  self.valid = new Set();
  await expect(clientOf(self).showServer(VM)).rejects.toMatchObject({
    code: 'unauthorized',
    status: 401,
    retryable: false,
  });
  expect(self.logins).toBe(2);
});

test('a call with the caller’s token uses that token only', async () => {
  const self = await cloud();
  self.nova = (_asked, response) => json(response, 200, { server: SERVER });
  const client = clientOf(self, { computeEndpoint: self.url });
  await client.showServer(VM, { as: 'callers', microversion: '2.93' });
  expect(self.asked).toHaveLength(1);
  expect(self.asked[0]?.headers).toMatchObject({ 'x-auth-token': 'callers', 'openstack-api-version': 'compute 2.93' });
  self.valid = new Set();
  await expect(client.showServer(VM, { as: 'callers' })).rejects.toMatchObject({ code: 'unauthorized' });
  expect(self.logins).toBe(0);
});

test('seesServer works in every microversion, also where Nova tells no memory', async () => {
  const self = await cloud();
  const client = clientOf(self, { computeEndpoint: self.url });
  const old = { id: VM, name: 'web.1', status: 'ACTIVE', tenant_id: 'p', user_id: 'u', flavor: { id: '1', links: [] } };
  self.nova = (_asked, response) => json(response, 200, { server: old }, { 'x-openstack-nova-api-version': '2.1' });
  const options = { as: 'callers', microversion: '2.1' };
  expect(await client.seesServer(VM, options)).toEqual({ microversion: '2.1' });
  await expect(client.showServer(VM, options)).rejects.toMatchObject({ code: 'answer-invalid' });
  self.nova = (_asked, response) => json(response, 404, { itemNotFound: { code: 404, message: 'no' } });
  expect(await client.seesServer(VM, options)).toBeNull();
  self.nova = (_asked, response) => json(response, 406, { computeFault: { code: 406, message: 'too new' } });
  await expect(client.seesServer(VM, options)).rejects.toMatchObject({ code: 'version-unsupported' });
});

test('validateToken tells who holds a token, and null for one that is not valid', async () => {
  const self = await cloud();
  const client = clientOf(self);
  expect(await client.validateToken('good-1')).toMatchObject({
    userId: 'user-of-good-1',
    projectId: 'project-1',
    roles: ['admin', 'reader'],
  });
  expect(await client.validateToken('bad')).toBeNull();
  self.valid = new Set(['token-2']);
  expect(await client.validateToken('good-2')).not.toBeNull();
  expect(self.logins).toBe(2);
});

test('liveMigrate sends Nova’s body and gives every answer of Nova’s without throwing', async () => {
  const self = await cloud();
  const client = clientOf(self);
  self.nova = (_asked, response) => json(response, 202, null);
  const options = { microversion: '2.93' };
  expect(await client.liveMigrate(VM, { host: null, blockMigration: 'auto' }, options)).toMatchObject({
    status: 202,
    requestId: 'req-42',
    message: null,
    body: null,
  });
  const asked = self.asked.at(-1);
  expect(asked?.path).toBe(`/compute/v2.1/servers/${VM}/action`);
  expect(asked?.body).toEqual({ 'os-migrateLive': { host: null, block_migration: 'auto' } });
  expect(asked?.headers['content-type']).toMatch('application/json');

  for (const status of [400, 403, 404, 409, 500, 503]) {
    self.nova = (_asked, response) => json(response, status, { fault: { code: status, message: `because ${status}` } });
    const legacy = { host: 'b', blockMigration: false, diskOverCommit: true } as const;
    expect(await client.liveMigrate(VM, legacy)).toMatchObject({ status, message: `because ${status}` });
  }
  expect(self.asked.at(-1)?.body).toEqual({
    'os-migrateLive': { host: 'b', block_migration: false, disk_over_commit: true },
  });
});

test('forceComplete and abortMigration speak Nova’s words', async () => {
  const self = await cloud();
  const client = clientOf(self);
  self.nova = (_asked, response) => json(response, 202, null);
  expect((await client.forceComplete(VM, 4)).status).toBe(202);
  expect(self.asked.at(-1)).toMatchObject({
    method: 'POST',
    path: `/compute/v2.1/servers/${VM}/migrations/4/action`,
    body: { force_complete: null },
  });
  self.nova = (_asked, response) => json(response, 400, { badRequest: { code: 400, message: 'in post-copy' } });
  expect(await client.abortMigration(VM, 4)).toMatchObject({ status: 400, message: 'in post-copy' });
  expect(self.asked.at(-1)).toMatchObject({ method: 'DELETE', body: null });
});

test('os-migrations is read page by page, its times as UTC', async () => {
  const self = await cloud();
  self.nova = (asked, response) => {
    const last = asked.path.includes('marker=');
    json(response, 200, {
      migrations: [last ? { ...MIGRATION, id: 3, uuid: 'u3' } : MIGRATION],
      ...(last ? {} : { migrations_links: [{ rel: 'next', href: 'http://elsewhere/' }] }),
    });
  };
  const found = await clientOf(self).listMigrations({ instanceUuid: VM, status: 'running (post-copy)' });
  expect(found.map((migration) => migration.id)).toEqual([4, 3]);
  expect(found[0]).toMatchObject({
    createdAtMs: Date.UTC(2026, 10, 22, 11, 32, 49),
    destCompute: null,
    updatedAtMs: null,
  });
  const [, first, second] = self.asked.map((asked) => new URL(asked.path, 'http://h').searchParams);
  expect(first?.get('instance_uuid')).toBe(VM);
  expect(first?.get('status')).toBe('running (post-copy)');
  expect(second?.get('marker')).toBe(MIGRATION.uuid);
});

test('a server name is looked for exactly, whatever characters it has', async () => {
  const self = await cloud();
  self.nova = (_asked, response) => json(response, 200, { servers: [SERVER, { ...SERVER, id: 'x', name: 'webX1' }] });
  const found = await clientOf(self).listServers({ name: 'web.1' });
  expect(found.map((server) => server.id)).toEqual([VM]);
  const query = new URL(self.asked.at(-1)?.path ?? '', 'http://h').searchParams;
  expect(query.get('name')).toBe('^web\\.1$');
  expect(query.get('all_tenants')).toBe('1');
});

test('a migration that Nova shows no more is null, any other refusal an error', async () => {
  const self = await cloud();
  const client = clientOf(self);
  self.nova = (_asked, response) => json(response, 404, { itemNotFound: { code: 404, message: 'not in progress' } });
  expect(await client.showServerMigration(VM, 4)).toBeNull();
  await expect(client.showServer(VM)).rejects.toMatchObject({ code: 'not-found', status: 404 });
  await expect(client.showServer(VM)).rejects.toThrow('not in progress');
});

test('services, hypervisors, versions and actions are read', async () => {
  const self = await cloud();
  const client = clientOf(self);
  const service = {
    binary: 'nova-compute',
    host: 'hosta',
    zone: 'nova',
    status: 'enabled',
    state: 'up',
    forced_down: false,
  };
  self.nova = (_asked, response) => json(response, 200, { services: [service] });
  expect(await client.computeServices()).toEqual([
    { host: 'hosta', status: 'enabled', state: 'up', zone: 'nova', forcedDown: false },
  ]);
  self.nova = (_asked, response) =>
    json(response, 200, {
      hypervisors: [
        {
          id: 'u1',
          hypervisor_hostname: 'hosta.example',
          hypervisor_type: 'QEMU',
          hypervisor_version: 10000002,
          state: 'up',
          status: 'enabled',
          host_ip: '192.0.2.1',
          service: { host: 'hosta', id: 's', disabled_reason: null },
        },
      ],
    });
  expect(await client.hypervisors()).toEqual([
    {
      id: 'u1',
      hostname: 'hosta.example',
      host: 'hosta',
      state: 'up',
      status: 'enabled',
      hostIp: '192.0.2.1',
      type: 'QEMU',
      version: 10000002,
    },
  ]);
  self.nova = (_asked, response) =>
    json(response, 200, { version: { id: 'v2.1', version: '2.93', min_version: '2.1' } });
  expect(await client.versions()).toEqual({ min: '2.1', max: '2.93' });
  self.nova = (_asked, response) =>
    json(response, 200, {
      instanceActions: [
        {
          action: 'live-migration',
          request_id: 'req-7',
          start_time: '2026-11-22T11:32:49.000000',
          user_id: 'u',
          project_id: 'p',
          message: null,
        },
      ],
    });
  const atMs = Date.UTC(2026, 10, 22, 11, 32, 49);
  expect(await client.instanceActions(VM)).toMatchObject([{ requestId: 'req-7', startTimeMs: atMs }]);
});

test('findMigration gives the record with its phase', async () => {
  const self = await cloud();
  self.nova = (_asked, response) => json(response, 200, { migrations: [MIGRATION] });
  const sinceMs = Date.UTC(2026, 10, 22, 11, 32, 50);
  const found = await findMigration(clientOf(self), { vmUuid: VM, sinceMs });
  expect(found).toMatchObject({ phase: 'post-copy', migration: { id: 4 } });
  expect(await findMigration(clientOf(self), { vmUuid: VM, sinceMs, newestBefore: 4 })).toBeNull();
});

test('redirects are not followed, and the error names where they lead', async () => {
  const self = await cloud();
  self.nova = (_asked, response) => json(response, 302, null, { location: 'http://127.0.0.1:1/elsewhere' });
  const failure = await clientOf(self)
    .showServer(VM)
    .catch((error) => error);
  expect(failure).toBeInstanceOf(OpenStackError);
  expect(failure).toMatchObject({ code: 'redirected', status: 302 });
  expect(failure.message).toContain('http://127.0.0.1:1/elsewhere');
});

test('an answer with a missing field names the field', async () => {
  const self = await cloud();
  self.nova = (_asked, response) => json(response, 200, { server: { ...SERVER, flavor: { id: '1' } } });
  await expect(clientOf(self).showServer(VM)).rejects.toThrow(/server\.flavor\.ram/);
});

test('a region that is not in the catalogue is told apart from a Nova that is down', async () => {
  const self = await cloud();
  await expect(clientOf(self, { region: 'three' }).showServer(VM)).rejects.toMatchObject({
    code: 'catalogue-incomplete',
  });
  await expect(clientOf(self, { region: 'two' }).showServer(VM)).rejects.toMatchObject({
    code: 'unreachable',
    status: null,
    retryable: true,
  });
});

test('silence ends in a timeout, a lost connection in `interrupted`, the caller’s own signal in `cancelled`', async () => {
  const self = await cloud();
  self.nova = () => {};
  const client = clientOf(self);
  await expect(client.showServer(VM, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'timeout' });
  await expect(client.showServer(VM, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ code: 'cancelled' });
  self.nova = (_asked, response) => void response.destroy();
  await expect(client.liveMigrate(VM, { host: null, blockMigration: 'auto' })).rejects.toMatchObject({
    code: 'interrupted',
  });
});

afterEach(() => vi.unstubAllEnvs());

test('a proxy in the environment is not used', async () => {
  const asked: string[] = [];
  const trap = createServer((socket) => socket.on('data', (chunk) => asked.push(String(chunk))));
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  const address = trap.address();
  vi.stubEnv('http_proxy', `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
  vi.stubEnv('no_proxy', '');
  const self = await cloud();
  self.nova = (_asked, response) => json(response, 200, { server: SERVER });
  expect((await clientOf(self).showServer(VM)).id).toBe(VM);
  expect(asked).toEqual([]);
  trap.close();
});
