import { beforeEach, describe, expect, test } from 'vitest';
import { overlayId } from '../../../../plugin/proxy/overlay/identity.ts';
import type { WaitingMigration } from '../../../../plugin/proxy/overlay/views.ts';
import type { ServerChange } from '../../../../plugin/proxy/touched.ts';
import { proxyBefore, VM } from '../rig.ts';
import { MigrationsApi } from './nova.ts';

const OTHER = '2a0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e90';
const ID = overlayId(7);
const ONE: WaitingMigration = {
  id: 7,
  vmUuid: VM,
  projectId: 'project',
  userId: 'user',
  source: 'compute-1',
  sourceNode: null,
  destination: null,
  createdAtMs: Date.UTC(2026, 0, 1),
  updatedAtMs: Date.UTC(2026, 0, 1),
  status: 'queued',
  asked: false,
};

let nova: MigrationsApi;
let waiting: WaitingMigration[];
let aborted: { record: number; token: string | null }[];
let novaId: number | null;
let changes: ServerChange[];
let port: number;

beforeEach(async () => {
  nova = await new MigrationsApi().start();
  nova.servers.set(VM, { projectId: 'project', locked: false, status: 'ACTIVE', taskState: null });
  nova.servers.set(OTHER, { projectId: 'other', locked: false, status: 'ACTIVE', taskState: null });
  nova.tokens.set('manager', { projectId: 'project', role: 'manager' });
  nova.tokens.set('stranger', { projectId: 'other', role: 'manager' });
  nova.tokens.set('member', { projectId: 'project', role: 'member' });
  waiting = [ONE];
  aborted = [];
  novaId = null;
  changes = [];
  const migrations = {
    waiting: async (serverId: string | null) =>
      waiting.filter(({ vmUuid }) => serverId === null || vmUuid === serverId),
    ended: async () => [],
    migrating: () => new Set<string>(),
    novaId: async () => novaId,
    stateAllows: async (kind: 'abort' | 'force', token: string | null) => {
      const server = nova.servers.get(VM);
      return (kind === 'abort' || server?.status === 'ACTIVE') && (token === 'admin' || server?.locked === false);
    },
    abort: async (record: number, token: string | null) => {
      aborted.push({ record, token });
      const waits = waiting.some(({ id, asked }) => id === record && !asked);
      waiting = waiting.filter(({ id }) => id !== record);
      return waits;
    },
  };
  const onServerChange = (change: ServerChange) => changes.push(change);
  port = (await proxyBefore(nova.port, null, {}, { migrations, onServerChange })).port;
});

interface Call {
  method: 'DELETE' | 'POST';
  microversion?: string;
  token?: string;
  vm?: string;
  id?: number | null;
  body?: string;
}

async function call(at: number, { method, microversion = '2.93', token = 'admin', vm = VM, id = ID, body }: Call) {
  const path = `/v2.1/servers/${vm}/migrations/${id}${method === 'POST' ? '/action' : ''}`;
  const answer = await fetch(`http://127.0.0.1:${at}${path}`, {
    method,
    headers: {
      'X-Auth-Token': token,
      'OpenStack-API-Version': `compute ${microversion}`,
      ...(method === 'POST' ? { 'Content-Type': 'application/json' } : {}),
    },
    ...(method === 'POST' ? { body: body ?? '{"force_complete": null}' } : {}),
  });
  return { status: answer.status, text: await answer.text(), version: answer.headers.get('openstack-api-version') };
}

const queuedState = (method: string) => ({
  badRequest: {
    code: 400,
    message: `Migration ${ID} state of instance ${VM} is queued. Cannot ${method} while the migration is in this state.`,
  },
});

describe('an abort of one that waits', () => {
  test.each(['2.65', '2.93', '2.104', 'latest'])('in %s ends it with an empty 202', async (microversion) => {
    const answer = await call(port, { method: 'DELETE', microversion });
    expect(answer).toMatchObject({ status: 202, text: '' });
    expect(aborted).toEqual([{ record: 7, token: 'admin' }]);
    expect(nova.asked).toEqual([`DELETE /v2.1/servers/${VM}/migrations/${ID}`]);
  });

  test.each(['2.24', '2.64'])(
    'in %s is refused in Nova’s words, as there it aborts only what runs',
    async (version) => {
      const answer = await call(port, { method: 'DELETE', microversion: version });
      expect(answer).toMatchObject({ status: 400, version: `compute ${version}` });
      expect(JSON.parse(answer.text)).toEqual(queuedState('abort live migration'));
      expect(aborted).toEqual([]);
    },
  );

  test('is carried out too while Nova migrates the server on its own account', async () => {
    nova.servers.set(VM, { projectId: 'project', locked: false, status: 'ACTIVE', taskState: 'migrating' });
    expect((await call(port, { method: 'DELETE' })).status).toBe(202);
    expect(aborted).toHaveLength(1);
  });

  test('that comes as Nova was just asked is refused like one that Nova has accepted', async () => {
    waiting = [{ ...ONE, asked: true }];
    const answer = await call(port, { method: 'DELETE' });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('is accepted. Cannot abort live migration');
  });

  test.each<[string, Call]>([
    ['no token', { method: 'DELETE', token: 'nobody' }],
    ['a member', { method: 'DELETE', token: 'member' }],
    ['another project’s manager', { method: 'DELETE', token: 'stranger' }],
    ['another server', { method: 'DELETE', vm: OTHER }],
    ['2.23, which has none', { method: 'DELETE', microversion: '2.23' }],
    ['an id that nobody has', { method: 'DELETE', id: overlayId(8) }],
    ['one of Nova’s own', { method: 'DELETE', id: 5 }],
  ])('by %s reads Nova’s own answer and ends nothing', async (_name, asked) => {
    const answer = await call(port, asked);
    expect(answer).toEqual(await call(nova.port, asked));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(aborted).toEqual([]);
  });

  test('of a locked server is the administrator’s, as in Nova', async () => {
    nova.servers.set(VM, { projectId: 'project', locked: true, status: 'ACTIVE', taskState: null });
    const refused = await call(port, { method: 'DELETE', token: 'manager' });
    expect(refused).toEqual(await call(nova.port, { method: 'DELETE', token: 'manager' }));
    expect(refused.status).toBe(409);
    expect(aborted).toEqual([]);
    expect((await call(port, { method: 'DELETE' })).status).toBe(202);
  });

  test('while Nova fails reads that failure and ends nothing', async () => {
    nova.broken = { status: 503, body: 'down' };
    expect(await call(port, { method: 'DELETE' })).toMatchObject({ status: 503, text: 'down' });
    expect(aborted).toEqual([]);
  });
});

describe('force_complete of one that waits', () => {
  test.each(['2.22', '2.93', 'latest'])('in %s is refused in Nova’s words', async (microversion) => {
    const answer = await call(port, { method: 'POST', microversion });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toEqual(queuedState('force complete'));
  });

  test.each<[string, Call]>([
    ['a member', { method: 'POST', token: 'member' }],
    ['a body that is none', { method: 'POST', body: `{"force_complete": ${ID}}` }],
    ['2.21, which has none', { method: 'POST', microversion: '2.21' }],
  ])('by %s reads Nova’s own answer', async (_name, asked) => {
    expect(await call(port, asked)).toEqual(await call(nova.port, asked));
  });

  test('of a paused server is refused for that, as in Nova', async () => {
    nova.servers.set(VM, { projectId: 'project', locked: false, status: 'PAUSED', taskState: null });
    const answer = await call(port, { method: 'POST' });
    expect(answer).toEqual(await call(nova.port, { method: 'POST' }));
    expect(answer.text).toContain('vm_state paused');
  });
});

describe('an id that was read while it waited', () => {
  beforeEach(() => {
    waiting = [];
    novaId = 5;
    nova.row(5, VM, { status: 'running' });
    nova.servers.set(VM, { projectId: 'project', locked: false, status: 'ACTIVE', taskState: 'migrating' });
  });

  test('leads to Nova’s own migration once that runs', async () => {
    for (const method of ['DELETE', 'POST'] as const) expect((await call(port, { method })).status).toBe(202);
    expect(nova.asked).toEqual([
      `DELETE /v2.1/servers/${VM}/migrations/5`,
      `POST /v2.1/servers/${VM}/migrations/5/action`,
    ]);
  });

  test('gives no more rights than Nova’s own id does', async () => {
    expect((await call(port, { method: 'DELETE', token: 'member' })).status).toBe(403);
  });
});

describe('what has changed a server is told', () => {
  test('with what it was, when Nova took it', async () => {
    nova.row(5, VM, { status: 'running' });
    nova.servers.set(VM, { projectId: 'project', locked: false, status: 'ACTIVE', taskState: 'migrating' });
    for (const method of ['DELETE', 'POST'] as const) await call(port, { method, id: 5 });
    const told = { serverId: VM, novaMigrationId: 5, token: 'admin' };
    await expect
      .poll(() => changes)
      .toEqual([
        { ...told, kind: 'abort' },
        { ...told, kind: 'force-complete' },
      ]);
  });

  test('and not when Nova refused it, or when it only read', async () => {
    await call(port, { method: 'DELETE', id: 5 });
    await fetch(`http://127.0.0.1:${port}/v2.1/servers/${VM}/migrations`, { headers: { 'X-Auth-Token': 'admin' } });
    await call(port, { method: 'DELETE' });
    // The last is the only one that was taken.
    await expect.poll(() => changes).toHaveLength(1);
  });
});
