import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MariadbAddress } from '../../../plugin/controller/store/address.ts';
import { Store, type StoredMigration } from '../../../plugin/controller/store/store.ts';
import { overlayId } from '../../../plugin/proxy/overlay/identity.ts';
import type { MigrationsSource } from '../../../plugin/proxy/overlay/request.ts';
import { followersMigrations } from '../../../plugin/replica/abort.ts';
import { CloudProcess } from '../../cloud/process.ts';
import { makePki } from '../../lab/pki.ts';
import { MariadbServer, PASSWORD } from '../../mariadb/server.ts';
import { PluginProcess } from '../../plugin/process.ts';

let folder = '';
let mariadb: MariadbServer;
let database: MariadbAddress;
let cloud: CloudProcess;
let store: Store;
const at = (name: string) => join(folder, 'pki', name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-replica-tls-'));
  const hosts = ['mariadb', 'a', 'b'].map((name) => ({ name, address: '127.0.0.1' }));
  await Promise.all([
    makePki(join(folder, 'pki'), { hosts, clients: [] }),
    makePki(join(folder, 'other'), { hosts: [], clients: [] }),
  ]);
  mariadb = await MariadbServer.start({ cert: at('mariadb.crt'), key: at('mariadb.key') });
  database = await mariadb.createDatabase();
  const hostNames = ['compute-1', 'compute-2', 'compute-3'];
  cloud = await CloudProcess.start({ seed: 1, hosts: hostNames, machines: 6, faults: 0, folder });
  store = new Store(database);
  await store.start();
});
afterAll(async () => {
  await store?.stop();
  await cloud?.stop();
  await mariadb?.stop();
  rmSync(folder, { recursive: true });
});

async function replica(name: 'a' | 'b', ca = at('ca.crt')): Promise<PluginProcess> {
  const plugin = new PluginProcess(join(folder, name), cloud.addresses);
  const url = `mysql://${database.user}@127.0.0.1:${mariadb.port}/${database.database}`;
  const own = { cert: at(`${name}.crt`), key: at(`${name}.key`) };
  // A second in which a request is still here and nobody else's.
  await plugin.prepare('1 s', { name, database: url, password: PASSWORD, tls: { ca, own } });
  plugin.spawn();
  expect(await plugin.ready()).toBe(true);
  return plugin;
}

function send({ port }: PluginProcess, method: string, path: string, body = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...{ 'X-Auth-Token': 'caller-1', 'OpenStack-API-Version': 'compute 2.93' },
      ...{ 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
    };
    const ca = readFileSync(at('ca.crt'));
    const sent = request({ host: '127.0.0.1', port, method, path, headers, ca, agent: false });
    sent.on('error', reject);
    sent.on('response', (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.end(body);
  });
}

const migrate = (plugin: PluginProcess, vmUuid: string) =>
  send(plugin, 'POST', `/v2.1/servers/${vmUuid}/action`, '{"os-migrateLive":{"host":null,"block_migration":"auto"}}');

describe('replicas that speak TLS with each other and with MariaDB', () => {
  it('hand requests to the leader by https, and the database takes nothing else', {
    timeout: 90_000,
  }, async () => {
    const leader = await replica('a');
    await expect.poll(async () => (await store.leadership()).replica).toBe('a');
    const follower = await replica('b');
    try {
      const [first = ''] = cloud.addresses.machines;
      expect(await migrate(follower, first)).toBe(202);
      const record = (await store.newest(10)).find(({ vmUuid }) => vmUuid === first);
      // The follower named it, the leader wrote it down.
      expect(record?.handover).toMatch(/^[0-9a-f-]{36}$/);
      expect(await mariadb.sql("SHOW VARIABLES LIKE 'require_secure_transport'")).toContain('ON');
    } finally {
      for (const plugin of [leader, follower]) {
        plugin.kill();
        await plugin.ended();
      }
    }
  });

  it('do not speak to a database whose certificate another CA signed', async () => {
    const plugin = new PluginProcess(join(folder, 'stranger'), cloud.addresses);
    const url = `mysql://${database.user}@127.0.0.1:${mariadb.port}/${database.database}`;
    const tls = { ca: join(folder, 'other', 'ca.crt'), own: { cert: at('a.crt'), key: at('a.key') } };
    await plugin.prepare('1 s', { name: 'stranger', database: url, password: PASSWORD, tls });
    plugin.spawn();
    await plugin.ready();
    await expect.poll(async () => (await plugin.health().catch(() => null))?.status ?? 'ended').not.toBe('ok');
    plugin.kill();
    await plugin.ended();
    expect((await store.leadership()).replica).not.toBe('stranger');
  });

  it('have the leader abort by https, and no impostor', async () => {
    const asked: string[] = [];
    const tls = { cert: readFileSync(at('a.crt')), key: readFileSync(at('a.key')) };
    const leader = createServer(tls, ({ method, url }, response) => {
      asked.push(`${method} ${url}`);
      response.writeHead(202).end();
    });
    await new Promise<void>((done) => leader.listen(0, '127.0.0.1', done));
    const address = `https://127.0.0.1:${(leader.address() as AddressInfo).port}`;
    const election = { leader: { fence: 1, name: 'a', address } };
    const kept = { get: async () => ({ vmUuid: 'vm' }) as StoredMigration };
    const abortBy = (ca: string) => {
      const source = followersMigrations({} as MigrationsSource, election, kept, readFileSync(ca, 'utf8'));
      return source.abort(7, 'token');
    };
    expect(await abortBy(at('ca.crt'))).toBe(true);
    expect(asked).toEqual([`DELETE /v2.1/servers/vm/migrations/${overlayId(7)}`]);
    await expect(abortBy(join(folder, 'other', 'ca.crt'))).rejects.toThrow(/certificate/);
    leader.close();
  });
});
