import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MigrationRecord, ServerView } from '../../../plugin/contract.ts';
import { type Answer, Plugin, vm } from './rig.ts';

let plugin: Plugin;
beforeEach(() => {
  plugin = new Plugin();
});
afterEach(() => plugin.remove());

const ask = (body: object, token?: string) =>
  token === undefined
    ? plugin.local('POST', '/v1/migrations', body)
    : plugin.call('POST', '/v1/migrations', { token, body });
const code = ({ status, json }: Answer) => [status, json.error?.code];
const audit = async () => {
  const { json } = await plugin.local('GET', '/v1/audit');
  return json.map(({ who, action, target, decision }: Record<string, string>) =>
    [who, action, target, decision].join(' '),
  );
};
const state = async (id: number) =>
  MigrationRecord.parse((await plugin.local('GET', `/v1/migrations/${id}`)).json).state;
/** Keeps everything waiting: Nova has one of this host already. */
const LATER = { notBeforeAtMs: Date.now() + 3600e3 };

describe('POST /v1/migrations', () => {
  it('takes a migration by name, gives it to Nova with the account of Drover, and writes down who asked', async () => {
    const token = plugin.token('bot', 'request');
    plugin.nova.addServer(vm(1), { name: 'web-1' });
    await plugin.start();
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const taken = await plugin.call('POST', '/v1/migrations', {
      token,
      body: { vm: 'web-1', destination: 'compute-2', priority: 'high', requester: 'U42', group: 'g1' },
      headers: { traceparent },
    });
    expect(taken.status).toBe(201);
    const { id } = MigrationRecord.parse(taken.json);
    expect(taken.headers.location).toBe(`/v1/migrations/${id}`);
    await expect.poll(() => plugin.nova.issued.map(({ vmUuid, by }) => [vmUuid, by])).toEqual([[vm(1), 'service']]);
    const { json } = await plugin.call('GET', `/v1/migrations/${id}`, { token });
    expect(json).toMatchObject({
      vmName: 'web-1',
      deferred: true,
      decision: { priority: 'high', priorityReason: { code: 'priority-asked' } },
      asked: { requester: 'U42', client: 'bot', group: 'g1', traceparent },
    });
    expect((await plugin.call('GET', '/v1/migrations?group=g1&all=1', { token })).json).toMatchObject([{ id }]);
    expect((await plugin.call('GET', '/v1/migrations?group=g&all=1', { token })).json).toEqual([]);
    expect(await audit()).toEqual(['bot migrate web-1 accepted']);
  });

  it('does what has one key once: repeated, at the same time, after a restart', async () => {
    plugin.nova.addServer(vm(1));
    await plugin.start();
    const body = { vm: vm(1), idempotencyKey: 'slack-1' };
    const answers = await Promise.all([ask(body), ask(body), ask({ idempotencyKey: 'slack-1', vm: vm(1) }), ask(body)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 201]);
    const ids = new Set(answers.map(({ json }) => json.id));
    expect(ids.size).toBe(1);
    await expect.poll(() => plugin.nova.issued.length).toBe(1);
    plugin.nova.set(vm(1), { phase: 'completed', status: 'completed' });
    await expect.poll(() => state([...ids][0])).toBe('completed');
    await plugin.restart();
    expect(await ask(body)).toMatchObject({ status: 200, json: { id: [...ids][0], state: 'completed' } });
    expect(code(await ask({ ...body, priority: 'low' }))).toEqual([422, 'idempotency-key-reused']);
    expect(plugin.nova.issued).toHaveLength(1);
  });

  it('takes, cancels and changes nothing where it does not lead, and still tells', async () => {
    plugin.nova.addServer(vm(1));
    await plugin.start();
    const { json } = await ask({ vm: vm(1), ...LATER });
    await plugin.controller.stop();
    await plugin.controller.observe();
    const path = `/v1/migrations/${json.id}`;
    expect(code(await ask({ vm: vm(1) }))).toEqual([503, 'not-leader']);
    expect(code(await plugin.local('DELETE', path))).toEqual([503, 'not-leader']);
    expect(code(await plugin.local('PATCH', path, { priority: 'high' }))).toEqual([503, 'not-leader']);
    expect(await state(json.id)).toBe('queued');
    expect((await plugin.local('GET', '/v1/migrations')).json).toMatchObject([{ id: json.id }]);
  });

  it('keeps the keys of two clients apart', async () => {
    const [one, two] = [plugin.token('one', 'request'), plugin.token('two', 'request')];
    for (const n of [1, 2]) plugin.nova.addServer(vm(n));
    await plugin.start();
    expect((await ask({ vm: vm(1), idempotencyKey: 'k' }, one)).status).toBe(201);
    expect((await ask({ vm: vm(2), idempotencyKey: 'k' }, two)).status).toBe(201);
  });

  it('refuses what Nova would refuse, what is there already, and what is unclear, and says what to do', async () => {
    plugin.nova.addServer(vm(1));
    plugin.nova.addServer(vm(2), { name: 'twin' });
    plugin.nova.addServer(vm(3), { name: 'twin' });
    plugin.nova.addServer(vm(4), { status: 'SHUTOFF' });
    plugin.nova.addServer(vm(5), { locked: true });
    const token = plugin.token('bot', 'request');
    await plugin.start();
    expect((await ask({ vm: vm(1), ...LATER })).status).toBe(201);
    expect(code(await ask({ vm: vm(1) }))).toEqual([409, 'server-busy']);
    const twins = await ask({ vm: 'twin' });
    expect(code(twins)).toEqual([409, 'server-ambiguous']);
    expect(twins.json.error.message).toContain(vm(3));
    expect(code(await ask({ vm: 'nobody' }))).toEqual([404, 'server-unknown']);
    expect(code(await ask({ vm: vm(4) }))).toEqual([409, 'server-busy']);
    expect(code(await ask({ vm: vm(5) }, token))).toEqual([409, 'server-busy']);
    expect(code(await ask({ vm: vm(2), destination: 'compute-1' }))).toEqual([409, 'destination-refused']);
    expect(code(await ask({ vm: vm(2), destination: 'mars' }))).toEqual([409, 'destination-refused']);
    expect(code(await ask({ vm: vm(2), deadlineAtMs: 1000 }))).toEqual([409, 'deadline-refused']);
    for (const wrong of [{}, { vm: '' }, { vm: 'a', priority: 'urgent' }, { vm: 'a', force: true }, [], 'text']) {
      expect(code(await ask(wrong as object))).toEqual([400, 'request-invalid']);
    }
    expect(code(await ask({ vm: 'x'.repeat(100_000) }))).toEqual([413, 'body-too-large']);
    expect(plugin.nova.issued).toEqual([]);
    expect((await audit()).slice(0, 3)).toEqual([
      `local migrate ${vm(2)} deadline-refused`,
      `local migrate ${vm(2)} destination-refused`,
      `local migrate ${vm(2)} destination-refused`,
    ]);
  });

  it('starts nothing before its time, also after a restart', async () => {
    plugin.nova.addServer(vm(1));
    await plugin.start();
    const startsAtMs = Date.now() + 2500;
    const { json } = await ask({ vm: vm(1), notBeforeAtMs: startsAtMs });
    await plugin.restart();
    expect(await state(json.id)).toBe('queued');
    await expect.poll(() => plugin.nova.issued.length).toBe(1);
    expect(plugin.nova.issued[0]?.atMs).toBeGreaterThanOrEqual(startsAtMs);
  });

  it('lets the policy say which role may ask for which priority', async () => {
    plugin.policyWith('', 'asking: { high: operate }');
    const [bot, boss] = [plugin.token('bot', 'request'), plugin.token('boss', 'operate')];
    for (const n of [1, 2]) plugin.nova.addServer(vm(n));
    await plugin.start();
    const refused = await ask({ vm: vm(1), priority: 'high', ...LATER }, bot);
    expect(code(refused)).toEqual([403, 'priority-refused']);
    expect(refused.json.error.message).toContain('priorities.asking');
    const { json } = await ask({ vm: vm(1), priority: 'low', ...LATER }, bot);
    const change = { token: bot, body: { priority: 'high' } };
    expect(code(await plugin.call('PATCH', `/v1/migrations/${json.id}`, change))).toEqual([403, 'priority-refused']);
    expect((await ask({ vm: vm(2), priority: 'high', ...LATER }, boss)).status).toBe(201);
    expect(await audit()).toContain(`bot migrate ${vm(1)} priority-refused`);
  });

  it('gives a Keystone user no more than their own rights', async () => {
    plugin.control = { keystone: { roles: { admin: 'request', member: 'request' } } };
    const user = { userId: 'user', userName: 'alice', projectId: null, expiresAtMs: Date.now() + 3600e3 };
    plugin.keystone.users.set('good', { ...user, roles: ['admin'] });
    plugin.keystone.users.set('stale', { ...user, roles: ['member'] });
    plugin.nova.addServer(vm(1));
    await plugin.start();
    const as = (token: string) =>
      plugin.call('POST', '/v1/migrations', { headers: { 'x-auth-token': token }, body: { vm: vm(1), ...LATER } });
    expect(code(await as('stale'))).toEqual([401, 'unauthenticated']);
    expect(await as('good')).toMatchObject({ status: 201, json: { userId: 'user', asked: { client: 'alice' } } });
  });
});

describe('DELETE /v1/migrations/{id}', () => {
  it('ends one that waits, for who asked for it or who operates, and Nova never hears of it', async () => {
    const [bot, other] = [plugin.token('bot', 'request'), plugin.token('other', 'request')];
    for (const n of [1, 2]) plugin.nova.addServer(vm(n));
    await plugin.start();
    const first = (await ask({ vm: vm(1), ...LATER }, bot)).json.id;
    const second = (await ask({ vm: vm(2), ...LATER }, other)).json.id;
    const cancel = (id: number, token?: string) =>
      token ? plugin.call('DELETE', `/v1/migrations/${id}`, { token }) : plugin.local('DELETE', `/v1/migrations/${id}`);
    expect(code(await cancel(second, bot))).toEqual([403, 'forbidden']);
    expect(await cancel(first, bot)).toMatchObject({
      status: 200,
      json: { state: 'aborted', stateReason: { code: 'cancelled' } },
    });
    expect(code(await cancel(first, bot))).toEqual([409, 'migration-ended']);
    expect((await cancel(second)).json.state).toBe('aborted');
    expect(code(await cancel(99))).toEqual([404, 'migration-unknown']);
    expect(plugin.nova.issued).toEqual([]);
    expect(await audit()).toContain(`bot cancel ${second} forbidden`);
  });

  it('has Nova abort one that runs, and none that is in post-copy', async () => {
    for (const n of [1, 2]) plugin.nova.addServer(vm(n));
    await plugin.start();
    const { id } = (await ask({ vm: vm(1) })).json;
    await expect.poll(() => state(id)).toBe('running');
    expect((await plugin.local('DELETE', `/v1/migrations/${id}`)).status).toBe(200);
    expect(plugin.nova.aborted).toEqual([{ vmUuid: vm(1), novaMigrationId: 1 }]);
    await expect.poll(() => state(id)).toBe('aborted');
    const second = (await ask({ vm: vm(2) })).json.id;
    await expect.poll(() => state(second)).toBe('running');
    plugin.nova.set(vm(2), { phase: 'post-copy', status: 'running (post-copy)' });
    await expect.poll(() => state(second)).toBe('post-copy');
    expect(code(await plugin.local('DELETE', `/v1/migrations/${second}`))).toEqual([409, 'migration-in-post-copy']);
    expect(plugin.nova.aborted).toHaveLength(1);
  });
});

describe('PATCH /v1/migrations/{id}', () => {
  it('gives one that waits and one that runs another priority, and its lease follows', async () => {
    for (const n of [1, 2]) plugin.nova.addServer(vm(n));
    await plugin.start();
    const change = (id: number, priority: string) => plugin.local('PATCH', `/v1/migrations/${id}`, { priority });
    const waiting = (await ask({ vm: vm(1), priority: 'low', ...LATER })).json.id;
    expect((await change(waiting, 'high')).json.asked).toMatchObject({
      priority: 'high',
      notBeforeAtMs: LATER.notBeforeAtMs,
    });
    const running = (await ask({ vm: vm(2), priority: 'low', destination: 'compute-2' })).json.id;
    await expect.poll(() => state(running)).toBe('running');
    const lease = () => [...plugin.hosts[0].leases.values()].map(({ priority }) => priority);
    expect(lease()).toEqual(['low']);
    expect((await change(running, 'high')).json.decision).toMatchObject({ priority: 'high' });
    await expect.poll(lease).toEqual(['high']);
    const { events } = (await plugin.local('GET', `/v1/migrations/${running}`)).json;
    expect(events.map((event: { reason: { code: string } }) => event.reason.code)).toContain('priority-changed');
    expect(code(await change(running, 'urgent'))).toEqual([400, 'request-invalid']);
  });
});

describe('GET /v1/servers', () => {
  it('finds servers by glob, host and project', async () => {
    plugin.nova.addServer(vm(1), { name: 'db-1' });
    plugin.nova.addServer(vm(2), { name: 'db-2', host: 'compute-2' });
    plugin.nova.addServer(vm(3), { name: 'web-1', projectId: 'p2' });
    await plugin.start();
    const names = async (query: string) =>
      ServerView.array()
        .parse((await plugin.local('GET', `/v1/servers${query}`)).json)
        .map(({ name }) => name);
    expect(await names('')).toEqual(['db-1', 'db-2', 'web-1']);
    expect(await names('?name=db-*')).toEqual(['db-1', 'db-2']);
    expect(await names('?name=db-*&host=compute-2')).toEqual(['db-2']);
    expect(await names('?project=p2')).toEqual(['web-1']);
  });
});
