import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { check } from '../../../plugin/check/check.ts';
import { makePki } from '../../lab/pki.ts';
import { MariadbServer, PASSWORD } from '../../mariadb/server.ts';
import { HostDouble } from '../controller/doubles.ts';
import { type Cloud, cloud } from '../openstack-client/cloud.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'drover-check-'));
  await makePki(join(dir, 'tls'), { hosts: [{ name: 'compute-1', address: '127.0.0.1' }], clients: ['plugin'] });
  writeFileSync(join(dir, 'password'), 'secret\n', { mode: 0o640 });
  writeFileSync(join(dir, 'policy.yaml'), readFileSync(join(ROOT, 'policies/seed.yaml')));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** The hostd of compute-1 over mutual TLS. `role` is what it takes the certificate for. */
async function hostd(role: 'read' | 'reserve'): Promise<string> {
  const tls = (name: string) => readFileSync(join(dir, 'tls', name));
  const options = { ca: tls('ca.crt'), cert: tls('compute-1.crt'), key: tls('compute-1.key'), requestCert: true };
  const double = new HostDouble('compute-1');
  const server = createTlsServer(options, async (request, response) => {
    const json = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.method !== 'GET')
      json(role === 'read' ? 403 : 404, { error: { code: 'x', message: 'x', retryable: false } });
    else if (request.url === '/v1/host') json(200, await double.info());
    else json(200, await double.sample());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const HYPERVISOR = {
  id: '1',
  hypervisor_hostname: 'compute-1.example',
  hypervisor_type: 'QEMU',
  hypervisor_version: 10000002,
  state: 'up',
  status: 'enabled',
  service: { host: 'compute-1' },
};
const PROVIDER = { uuid: '5d2f5c0e-0001-4000-8000-000000000001', name: 'compute-1.example' };

/** What is answered to a path with this in it; anything else gets Nova's versions. */
const ANSWERS: [string, object][] = [
  ['/os-services', { services: [{ binary: 'nova-compute', host: 'compute-1', status: 'enabled', state: 'up' }] }],
  ['/os-hypervisors', { hypervisors: [HYPERVISOR] }],
  ['/servers', { servers: [] }],
  ['/os-migrations', { migrations: [] }],
  ['/resource_providers', { resource_providers: [{ ...PROVIDER, root_provider_uuid: PROVIDER.uuid }] }],
  ['/allocation_candidates', { allocation_requests: [], provider_summaries: {} }],
];

/** Nova with one compute host, and Placement. */
async function novaCloud(): Promise<Cloud> {
  const double = await cloud();
  double.nova = ({ path }, response) => {
    const [, answer] = ANSWERS.find(([part]) => path.includes(part)) ?? [
      '',
      { version: { id: 'v2.1', version: '2.93', min_version: '2.1' } },
    ];
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  };
  return double;
}

function configure(url: string, hostdUrl: string, change: object = {}): string {
  const at = (name: string) => join('tls', name);
  const file = join(dir, 'plugin.yaml');
  const config = {
    listen: { address: '127.0.0.1', port: 0 },
    nova: { url },
    keystone: { authUrl: `${url}/identity/v3`, username: 'drover', passwordFile: 'password', projectName: 'service' },
    policy: 'policy.yaml',
    database: 'drover.db',
    controlSocket: 'control.sock',
    hostd: {
      ca: at('ca.crt'),
      cert: at('plugin.crt'),
      key: at('plugin.key'),
      hosts: [{ name: 'compute-1', url: hostdUrl }],
    },
    ...change,
  };
  writeFileSync(file, stringify(config));
  return file;
}

const notOk = async (file: string) =>
  (await check(file)).filter(({ state }) => state !== 'ok').map(({ check: name, state }) => `${name} ${state}`);

describe('drover-plugin check', () => {
  let double: Cloud;
  beforeEach(async () => {
    double = await novaCloud();
  });

  it('finds nothing to do where all is well, and leaves nothing behind', async () => {
    const file = configure(double.url, await hostd('reserve'));
    const before = readdirSync(dir);
    const report = await check(file);
    expect(report.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(report.map(({ check: name }) => name)).toEqual(
      expect.arrayContaining([
        'database',
        'policy',
        'keystone.role',
        'nova.api',
        'nova.services',
        'placement.api',
        'hostd.names',
        'clock',
      ]),
    );
    expect(readdirSync(dir)).toEqual(before);
    // It asks, and asks for nothing that changes anything.
    const others = double.asked.filter(({ method, path }) => method !== 'GET' && !path.endsWith('/auth/tokens'));
    expect(others).toEqual([]);
  });

  it('names a certificate that may only read', async () => {
    expect(await notOk(configure(double.url, await hostd('read')))).toEqual(['hostd.role fail']);
  });

  it('names every part that is not there, each on its own', async () => {
    const file = configure('http://127.0.0.1:9', 'https://127.0.0.1:9', {
      policy: 'nothing.yaml',
      database: 'no/folder/drover.db',
      listen: { address: '192.0.2.1', port: 8775 },
    });
    expect(await notOk(file)).toEqual([
      'policy fail',
      'database fail',
      'listen fail',
      'keystone.login fail',
      'nova.api fail',
      'hostd.reach fail',
    ]);
    expect(existsSync(join(dir, 'no'))).toBe(false);
  });

  it('warns of a Placement that is not there or tells nothing: no migration needs it', async () => {
    const file = configure(double.url, await hostd('reserve'));
    double.hasPlacement = false;
    expect(await notOk(file)).toEqual(['placement.api warn']);
    expect(await notOk(configure(double.url, await hostd('reserve'), { placement: { url: double.url } }))).toEqual([]);
  });

  it('names a right that Nova does not give', async () => {
    const allowed = double.nova;
    double.nova = (asked, response) => {
      if (!asked.path.includes('/os-services')) return allowed(asked, response);
      response.writeHead(403, { 'content-type': 'application/json' });
      response.end('{"forbidden": {"code": 403, "message": "Policy does not allow os_compute_api:os-services:list"}}');
    };
    const report = await check(configure(double.url, await hostd('reserve')));
    expect(report.find(({ check: name }) => name === 'nova.services')).toMatchObject({
      state: 'fail',
      found: expect.stringContaining('Policy does not allow'),
      todo: expect.stringContaining('policy.yaml'),
    });
  });

  it('names a broker of notifications that is not there', async () => {
    const notifications = { url: 'amqp://drover@127.0.0.1:9/', passwordFile: 'password' };
    expect(await notOk(configure(double.url, await hostd('reserve'), { notifications }))).toEqual([
      'notifications.broker fail',
    ]);
  });

  it('names a key that everybody may read', async () => {
    const key = join(dir, 'tls/plugin.key');
    chmodSync(key, 0o644);
    onTestFinished(() => chmodSync(key, 0o600));
    expect(await notOk(configure(double.url, await hostd('reserve')))).toEqual(['tls.key warn']);
  });

  it('stops at a configuration that cannot be read', async () => {
    const file = join(dir, 'broken.yaml');
    writeFileSync(file, 'listen: {}\n');
    expect(await check(file)).toMatchObject([
      { check: 'config.file', state: 'fail', todo: expect.stringContaining(file) },
    ]);
  });

  it('looks at every address of Nova, and at the certificate that is shown', async () => {
    const tls = (name: string) => ({ cert: `tls/${name}.crt`, key: `tls/${name}.key` });
    const listen = (name: string) => ({ listen: { address: '127.0.0.1', port: 0, tls: tls(name) } });
    const nova = { url: double.url, others: [double.url, 'http://127.0.0.1:9'] };
    const report = await check(configure(double.url, await hostd('reserve'), { nova, ...listen('compute-1') }));
    const found = (name: string) => report.filter((one) => one.check === name).map(({ state }) => state);
    expect(found('nova.others')).toEqual(['ok', 'warn']);
    expect(found('listen.tls')).toEqual(['ok']);
    // The certificate of a client.
    expect(await notOk(configure(double.url, await hostd('reserve'), listen('plugin')))).toEqual(['listen.tls fail']);
  });

  describe('of a MariaDB', () => {
    let mariadb: MariadbServer;
    beforeAll(async () => {
      await makePki(join(dir, 'tls'), { hosts: [{ name: 'mariadb', address: '127.0.0.1' }], clients: [] });
      mariadb = await MariadbServer.start({ cert: join(dir, 'tls/mariadb.crt'), key: join(dir, 'tls/mariadb.key') });
      writeFileSync(join(dir, 'db-password'), PASSWORD);
      writeFileSync(join(dir, 'wrong-password'), 'wrong');
    });
    afterAll(() => mariadb?.stop());

    it('says whether it lets the plugin in, by TLS and with that password', async () => {
      const { user, database } = await mariadb.createDatabase();
      const url = await hostd('reserve');
      const shared = (change: object) =>
        configure(double.url, url, {
          database: `mysql://${user}@127.0.0.1:${mariadb.port}/${database}`,
          databasePasswordFile: 'db-password',
          databaseCa: 'tls/ca.crt',
          replica: { name: 'control-1', advertise: 'http://127.0.0.1:8775' },
          ...change,
        });
      const said = async (change: object = {}) => {
        const report = await check(shared(change));
        return report.filter((one) => one.check === 'database').map(({ state, found }) => `${state} ${found}`);
      };
      expect(await said()).toEqual([expect.stringMatching(/^ok mysql:.* will be made at the first start/)]);
      expect(await mariadb.sql(`SHOW TABLES FROM ${database}`)).toBe('');
      expect(await said({ databasePasswordFile: 'wrong-password' })).toEqual([expect.stringMatching(/^fail .*denied/)]);
      expect(await said({ databaseCa: undefined })).toEqual([
        expect.stringMatching(/^fail .*(denied|secure transport)/),
      ]);
      expect(await said({ databaseCa: 'tls/plugin.crt' })).toEqual([expect.stringMatching(/^fail .*certificate/)]);
    });
  });
});
