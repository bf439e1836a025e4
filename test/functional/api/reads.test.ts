import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostView, MigrationRecord, MigrationWithEvents, Readiness } from '../../../plugin/contract.ts';
import { readExposition } from '../../unit/hostd/api/read-exposition.ts';
import { Plugin, vm } from './rig.ts';

let plugin: Plugin;
beforeEach(async () => {
  plugin = new Plugin();
  plugin.control = null;
});
afterEach(() => plugin.remove());

const added = (n: number, change: object = {}) =>
  plugin.store.add({
    vmUuid: vm(n),
    userId: 'user',
    source: 'compute-1',
    destination: 'compute-2',
    receivedAtMs: n,
    request: { host: null, blockMigration: 'auto', diskOverCommit: null, force: null, microversion: '2.93' },
    server: { name: `vm-${n}`, projectId: 'p1', flavorName: 'f', memoryBytes: 2 ** 28, metadata: {} },
    ...change,
  });

describe('GET /v1/migrations', () => {
  it('gives those that a query means, in pages', async () => {
    await plugin.start();
    for (const n of [1, 2, 3, 4]) await added(n);
    await added(5, { source: 'compute-3', destination: null, server: { name: 'vm-1', projectId: 'p2' } });
    await plugin.store.transition(2, 'failed', { code: 'f', text: '' }, 10);
    await plugin.store.transition(3, 'completed', { code: 'c', text: '' }, 10);
    const ids = async (query: string) => {
      const { json } = await plugin.local('GET', `/v1/migrations${query}`);
      return MigrationRecord.array()
        .parse(json)
        .map(({ id }) => id);
    };
    expect(await ids('')).toEqual([5, 4, 1]);
    expect(await ids('?all=1')).toEqual([5, 4, 3, 2, 1]);
    expect(await ids('?all=1&limit=2')).toEqual([5, 4]);
    expect(await ids('?all=1&limit=2&before=4')).toEqual([3, 2]);
    expect(await ids('?state=failed,completed')).toEqual([3, 2]);
    expect(await ids('?vm=vm-1')).toEqual([5, 1]);
    expect(await ids(`?vm=${vm(4)}`)).toEqual([4]);
    expect(await ids('?host=compute-3')).toEqual([5]);
    expect(await ids('?host=compute-2&all=1&project=p1')).toEqual([4, 3, 2, 1]);
    expect(await ids(`?vm=${encodeURIComponent("' OR 1=1 --")}`)).toEqual([]);
    const one = MigrationWithEvents.parse((await plugin.local('GET', '/v1/migrations/2')).json);
    expect(one.events.map(({ state }) => state)).toEqual(['received', 'failed']);
  });

  it('refuses what it does not know, with advice', async () => {
    await plugin.start();
    const refused = async (method: string, path: string) => {
      const { status, json } = await plugin.local(method, path);
      return [status, json.error.code, json.error.message];
    };
    expect(await refused('GET', '/v1/migrations?state=done')).toEqual([400, 'request-invalid', expect.any(String)]);
    expect(await refused('GET', '/v1/migrations?limit=0')).toEqual([400, 'request-invalid', expect.any(String)]);
    expect(await refused('GET', '/v1/migrations?vm=a&vm=b')).toEqual([
      400,
      'request-invalid',
      expect.stringContaining('twice'),
    ]);
    expect(await refused('GET', '/v1/migrations?user=a')).toEqual([
      400,
      'request-invalid',
      expect.stringContaining('user'),
    ]);
    expect(await refused('GET', '/v1/migrations/7')).toEqual([404, 'migration-unknown', expect.any(String)]);
    expect(await refused('GET', '/v1/migrations/x')).toEqual([400, 'request-invalid', expect.any(String)]);
    expect(await refused('GET', '/v1/migrations/%zz')).toEqual([400, 'request-invalid', expect.any(String)]);
    expect(await refused('GET', '//')).toEqual([404, 'route-unknown', expect.any(String)]);
    expect(await refused('GET', '/v2')).toEqual([404, 'route-unknown', expect.stringContaining('plugin/contract.ts')]);
    const put = await plugin.local('PUT', '/v1/policy');
    expect([put.status, put.headers.allow]).toEqual([405, 'GET']);
  });
});

describe('GET /v1/hosts', () => {
  it('shows what each NIC carries, and warns of a silent hostd and of a Nova that makes gangs serial', async () => {
    plugin.hosts[0].workloadBitsPerSecond = { tx: 200e6, rx: 10e6 };
    plugin.hosts[1].maxConcurrentLiveMigrations = 1;
    await plugin.start();
    const views = async () => HostView.array().parse((await plugin.local('GET', '/v1/hosts')).json);
    const [first, second] = await views();
    expect(first).toMatchObject({ host: 'compute-1', reachable: true, nic: { txBitsPerSecond: 200e6 }, warnings: [] });
    expect(second?.warnings).toMatchObject([
      { code: 'nova-serial', text: expect.stringContaining('Set it to 4 in nova.conf there') },
    ]);
    plugin.hosts[0].reachable = false;
    await expect.poll(async () => (await views())[0]?.warnings.map(({ code }) => code)).toEqual(['hostd-silent']);
  });
});

describe('health and readiness', () => {
  it('is ready only with a store that can be written, a policy and a Nova that answers', async () => {
    await plugin.start();
    const ready = async () => {
      const { status, json } = await plugin.local('GET', '/readyz');
      return { status, failed: Readiness.parse(json).checks.filter(({ ok }) => !ok) };
    };
    expect(await ready()).toEqual({ status: 200, failed: [] });
    plugin.novaDown = true;
    await expect.poll(ready).toMatchObject({
      status: 503,
      failed: [{ name: 'nova', text: expect.stringContaining('refused') }],
    });
    await plugin.store.stop();
    await expect.poll(async () => (await ready()).failed.map(({ name }) => name)).toEqual(['store', 'nova']);
    expect((await plugin.local('GET', '/healthz')).status).toBe(200);
  });

  it('tells why nothing is managed, and is not ready then', async () => {
    await plugin.start();
    plugin.problem = 'the database is not open: no such file';
    expect((await plugin.local('GET', '/healthz')).json).toEqual({ status: 'degraded', problems: [plugin.problem] });
    const { status, json } = await plugin.local('GET', '/readyz');
    expect([status, json.checks[0]]).toEqual([503, { name: 'store', ok: false, text: plugin.problem }]);
  });

  it('is not ready without a policy, and says what is wrong with it', async () => {
    plugin.policyWith('nonsense: 1');
    await plugin.start();
    expect((await plugin.local('GET', '/readyz')).json.checks).toContainEqual(
      expect.objectContaining({ name: 'policy', ok: false }),
    );
    expect((await plugin.local('GET', '/v1/policy')).json.refused.errors[0]).toContain('nonsense');
    expect((await plugin.local('GET', '/metrics')).text).toContain('drover_plugin_policy_in_effect 0');
  });
});

describe('GET /metrics', () => {
  it('is what Prometheus reads, and holds the queue, the hosts and the calls', async () => {
    await plugin.start();
    await plugin.local('GET', '/v1/hosts');
    const families = readExposition((await plugin.local('GET', '/metrics')).text);
    const value = (name: string, labels: object = {}) =>
      families
        .get(name)
        ?.samples.find((sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text))?.value;
    expect(value('drover_plugin_hostd_reachable', { host: 'compute-2' })).toBe(1);
    expect(value('drover_plugin_leader')).toBe(1);
    expect(value('drover_plugin_api_requests_total', { call: '/v1/hosts', code: '200' })).toBe(1);
    expect(value('drover_plugin_policy_loaded_timestamp_seconds')).toBeGreaterThan(Date.now() / 1000 - 60);
  });
});
