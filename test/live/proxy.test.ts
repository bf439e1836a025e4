import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NovaAnswer, Server, TokenInfo } from 'openstack-client-ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acceptedAnswer } from '../../plugin/proxy/live-migrate.ts';
import { KEYSTONE_URL, PASSWORD } from '../lab/config/identity.ts';
import { boot, deleteGuest, type Guest, hostOf } from '../lab/guests.ts';
import type { Lab } from '../lab/lab.ts';
import { PORTS } from '../lab/plan.ts';
import { liveLab } from './stage.ts';

const CHILD = fileURLToPath(new URL('./proxy-child.ts', import.meta.url));
const NOBODY = '00000000-0000-4000-8000-000000000000';
const MIGRATE = '{"os-migrateLive": {"host": null, "block_migration": "auto"}}';

let lab: Lab;
let child: ChildProcess;
let answers: AsyncIterator<string>;
let proxyPort: number;
let token: string;
let guest: Guest;

/** One errand of the child, which does one after the other. */
async function ask<T>(errand: Record<string, unknown>): Promise<T> {
  child.stdin?.write(`${JSON.stringify(errand)}\n`);
  const line = await answers.next();
  if (line.done) throw new Error('the child in the lab has ended; its words are above');
  const answer = JSON.parse(line.value);
  if (answer.error) throw Object.assign(new Error(answer.error), { code: answer.code });
  return answer.value;
}

beforeAll(async () => {
  lab = await liveLab();
  child = lab.spawnOn(
    'control',
    [process.execPath, CHILD, lab.controlAddress, String(PORTS.nova), KEYSTONE_URL, PASSWORD],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  if (!child.stdout) throw new Error('no output of the child');
  answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  ({ port: proxyPort } = await ask<{ port: number }>({ kind: 'ready' }));
  token = await lab.rest.token();
  guest = await boot(lab, { name: 'proxy-live', flavor: 'm128' });
});

afterAll(async () => {
  if (guest) await deleteGuest(lab, guest);
  child?.stdin?.end();
  lab?.close();
});

interface Case {
  name: string;
  method?: string;
  path: string;
  token?: string | null;
  version?: string | null;
  headers?: string[];
  body?: string;
}

const CASES: Case[] = [
  { name: 'the list of versions', path: '/', token: null, version: null },
  { name: 'the document of version 2.1', path: '/v2.1/', token: null },
  { name: 'the same without a slash', path: '/v2.1', token: null },
  { name: 'the legacy version document', path: '/v2/', token: null },
  { name: 'servers', path: '/v2.1/servers' },
  { name: 'servers in detail', path: '/v2.1/servers/detail?all_tenants=1' },
  { name: 'servers with a paging link', path: '/v2.1/servers/detail?all_tenants=1&limit=1' },
  { name: 'one server', path: '/v2.1/servers/GUEST' },
  { name: 'one server without a microversion', path: '/v2.1/servers/GUEST', version: null },
  {
    name: 'one server with the old version header',
    path: '/v2.1/servers/GUEST',
    version: null,
    headers: ['X-OpenStack-Nova-API-Version: 2.53'],
  },
  { name: 'one server in the legacy API', path: '/v2/servers/GUEST' },
  { name: 'one server, latest', path: '/v2.1/servers/GUEST', version: 'latest' },
  { name: 'a server that is not there', path: `/v2.1/servers/${NOBODY}` },
  { name: 'a path that is not there', path: '/v2.1/nothing/here' },
  { name: 'a doubled slash', path: '/v2.1//servers' },
  { name: 'an encoded path', path: '/v2.1/%73ervers?limit=1' },
  { name: 'a dot segment', path: '/v2.1/./servers' },
  { name: 'a query that Nova refuses', path: '/v2.1/servers?limit=minus' },
  { name: 'no token', path: '/v2.1/servers', token: null },
  { name: 'a bad token', path: '/v2.1/servers', token: 'gAAAAAnonsense' },
  { name: 'a version that Nova does not speak', path: '/v2.1/servers', version: '2.999' },
  { name: 'a version that is none', path: '/v2.1/servers', version: 'two' },
  { name: 'all migrations', path: '/v2.1/os-migrations?limit=3' },
  { name: 'migrations of a server', path: '/v2.1/servers/GUEST/migrations' },
  { name: 'a migration that is not there', path: '/v2.1/servers/GUEST/migrations/999999' },
  { name: 'hypervisors', path: '/v2.1/os-hypervisors' },
  { name: 'flavors in detail', path: '/v2.1/flavors/detail' },
  { name: 'a HEAD', method: 'HEAD', path: '/v2.1/servers' },
  { name: 'a method that Nova does not take', method: 'PATCH', path: '/v2.1/servers/GUEST', body: '{}' },
  { name: 'a body that is no JSON', method: 'POST', path: '/v2.1/servers/GUEST/action', body: '{"os-migrateLive": ' },
  { name: 'an action that is not there', method: 'POST', path: '/v2.1/servers/GUEST/action', body: '{"os-fly": null}' },
  { name: 'an empty action', method: 'POST', path: '/v2.1/servers/GUEST/action', body: '' },
  { name: 'a live migration of nobody', method: 'POST', path: `/v2.1/servers/${NOBODY}/action`, body: MIGRATE },
  {
    name: 'a live migration without a token',
    method: 'POST',
    path: '/v2.1/servers/GUEST/action',
    body: MIGRATE,
    token: null,
  },
  {
    name: 'a live migration with a bad token',
    method: 'POST',
    path: '/v2.1/servers/GUEST/action',
    body: MIGRATE,
    token: 'bad',
  },
  {
    name: 'a live migration in an unknown version',
    method: 'POST',
    path: '/v2.1/servers/GUEST/action',
    body: MIGRATE,
    version: '2.999',
  },
  {
    name: 'a live migration to nowhere',
    method: 'POST',
    path: '/v2.1/servers/GUEST/action',
    body: '{"os-migrateLive": {"host": "nowhere", "block_migration": "auto"}}',
  },
  {
    name: 'a live migration with a wrong member',
    method: 'POST',
    path: '/v2.1/servers/GUEST/action',
    body: '{"os-migrateLive": {"host": null, "block_migration": "auto", "force": true}}',
  },
  {
    name: 'a live migration to its own host, as 2.30 answers',
    method: 'POST',
    path: '/v2.1/servers/GUEST/action',
    version: '2.30',
    body: '{"os-migrateLive": {"host": "HERE", "block_migration": "auto"}}',
  },
  {
    name: 'a live migration in the legacy API of nobody',
    method: 'POST',
    path: `/v2/servers/${NOBODY}/action`,
    body: '{"os-migrateLive": {"host": null, "block_migration": false, "disk_over_commit": false}}',
  },
  {
    name: 'force_complete of nothing',
    method: 'POST',
    path: '/v2.1/servers/GUEST/migrations/999999/action',
    body: '{"force_complete": null}',
  },
  { name: 'an abort of nothing', method: 'DELETE', path: '/v2.1/servers/GUEST/migrations/999999' },
];

async function bytesOf(one: Case): Promise<string> {
  const here = JSON.stringify(one).includes('HERE') ? await hostOf(lab, guest) : '';
  const fill = (text: string) => text.replace('GUEST', guest.id).replace('HERE', here);
  const { method = 'GET', version = '2.93' } = one;
  const body = one.body === undefined ? null : fill(one.body);
  return [
    `${method} ${fill(one.path)} HTTP/1.1`,
    `Host: ${lab.controlAddress}:${PORTS.nova}`,
    'Accept: application/json',
    ...(one.token === null ? [] : [`X-Auth-Token: ${one.token ?? token}`]),
    ...(version === null ? [] : [`OpenStack-API-Version: compute ${version}`]),
    ...(one.headers ?? []),
    ...(body === null ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
    'Connection: close',
    '',
    body ?? '',
  ].join('\r\n');
}

/** Status line, headers in order and body, without what differs between any two answers. */
function comparable(answer: string): { status: string; headers: string[]; body: string } {
  const end = answer.indexOf('\r\n\r\n');
  const [status = '', ...lines] = answer.slice(0, end).split('\r\n');
  return {
    status,
    headers: lines
      .filter((line) => !/^(date|connection|keep-alive):/i.test(line))
      .map((line) => line.replace(/req-[0-9a-f-]{36}/, 'req-ID')),
    body: answer.slice(end + 4),
  };
}

async function exchange(port: number, bytes: string) {
  return comparable(await ask<string>({ kind: 'raw', port, bytes }));
}

test.each(CASES)('$name: the same answer as from nova-api', async (one) => {
  const bytes = await bytesOf(one);
  // Others use the lab too: what changes between two direct answers proves nothing.
  for (let attempt = 1; ; attempt += 1) {
    const before = await exchange(PORTS.nova, bytes);
    const through = await exchange(proxyPort, bytes);
    const after = await exchange(PORTS.nova, bytes);
    if (JSON.stringify(before) !== JSON.stringify(after) && attempt < 5) continue;
    expect(before.status).toMatch(/^HTTP\/1\.1 \d{3} /);
    expect(through).toEqual(before);
    return;
  }
});

test('the OpenStack client understands this Nova and Keystone', async () => {
  const call = <T>(method: string, ...args: unknown[]) => ask<T>({ kind: 'client', method, args });
  expect(await call('versions')).toEqual({ min: '2.1', max: expect.stringMatching(/^2\.\d+$/) });
  expect(await call<TokenInfo>('validateToken', token)).toMatchObject({ roles: expect.arrayContaining(['admin']) });
  expect(await call('validateToken', 'nonsense')).toBeNull();
  const server = await call<Server>('showServer', guest.id, { microversion: 'latest' });
  expect(server).toMatchObject({
    name: 'proxy-live',
    status: 'ACTIVE',
    locked: false,
    taskState: null,
    host: await hostOf(lab, guest),
    instanceName: guest.domain,
    flavor: { memoryBytes: 128 * 2 ** 20 },
    microversion: expect.stringMatching(/^2\.\d+$/),
  });
  for (const microversion of ['2.1', '2.30', 'latest']) {
    const seen = await call<{ microversion: string }>('seesServer', guest.id, { as: token, microversion });
    expect(seen.microversion).toBe(microversion === 'latest' ? server.microversion : microversion);
  }
  expect((await call<Server[]>('listServers', { name: 'proxy-live' })).map((found) => found.id)).toEqual([guest.id]);
  const hosts = lab.hosts.map((host) => host.name).sort();
  expect((await call<{ host: string }[]>('computeServices')).map(({ host }) => host).sort()).toEqual(hosts);
  expect((await call<{ host: string }[]>('hypervisors')).map(({ host }) => host).sort()).toEqual(hosts);
  await expect(call('showServer', NOBODY)).rejects.toMatchObject({ code: 'not-found' });
  expect(await call<NovaAnswer>('forceComplete', guest.id, 999_999)).toMatchObject({
    status: 409,
    message: expect.stringContaining('force_complete'),
  });
});

test('a stock client’s live migration goes through the proxy, and the 202 is the one that the proxy would write', async () => {
  const endpoint = `http://${lab.controlAddress}:${proxyPort}/v2.1`;
  const source = await hostOf(lab, guest);
  const before = await ask<number>({ kind: 'handled' });
  const sinceMs = Date.now();
  const asked = await lab.openstack(['server', 'migrate', '--live-migration', guest.id], { computeEndpoint: endpoint });
  expect(asked.stderr + asked.stdout).toBe('');
  expect(asked.code).toBe(0);
  expect(await ask<number>({ kind: 'handled' })).toBe(before + 1);
  const status = await migrationEnd(sinceMs);
  expect(status).toBe('completed');
  expect(await hostOf(lab, guest)).not.toBe(source);

  const bytes = await bytesOf({ name: '', method: 'POST', path: '/v2.1/servers/GUEST/action', body: MIGRATE });
  const backMs = Date.now();
  const back = await exchange(proxyPort, bytes);
  const own = acceptedAnswer({ requestId: 'req-ID', microversion: '2.93' }, false);
  expect(back).toEqual({
    status: 'HTTP/1.1 202 Accepted',
    headers: own.rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${own.rawHeaders[i + 1]}`] : [])),
    body: '',
  });
  expect(await migrationEnd(backMs)).toBe('completed');
});

/** How the live migration since then ended, as os-migrations says. */
async function migrationEnd(sinceMs: number): Promise<string> {
  const filter = { instanceUuid: guest.id, migrationType: 'live-migration' };
  for (let i = 0; i < 120; i += 1) {
    const all = await ask<{ status: string; createdAtMs: number }[]>({
      kind: 'client',
      method: 'listMigrations',
      args: [filter],
    });
    const ours = all.filter((migration) => migration.createdAtMs >= sinceMs - 1000).at(0);
    if (ours && ['completed', 'failed', 'error', 'cancelled'].includes(ours.status)) return ours.status;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return 'no end within 60 s';
}

test('other commands of the stock client work through the proxy', async () => {
  const computeEndpoint = `http://${lab.controlAddress}:${proxyPort}/v2.1`;
  for (const argv of [
    ['server', 'list', '--all-projects', '-f', 'json', '--no-name-lookup'],
    ['server', 'migration', 'list', '-f', 'json'],
    ['compute', 'service', 'list', '-f', 'json'],
  ]) {
    const { code, stdout, stderr } = await lab.openstack(argv, { computeEndpoint });
    expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: '' });
    expect(JSON.parse(stdout).length).toBeGreaterThan(0);
  }
});
