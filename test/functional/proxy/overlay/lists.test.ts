import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { overlayId, overlayUuid } from '../../../../plugin/proxy/overlay/identity.ts';
import type { MigrationsSource } from '../../../../plugin/proxy/overlay/request.ts';
import type { WaitingMigration } from '../../../../plugin/proxy/overlay/views.ts';
import { proxyBefore } from '../rig.ts';
import { MigrationsApi } from './nova.ts';

const VMS = [1, 2, 3].map((n) => `1f0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e9${n}`);
const SERVER = { projectId: 'project', locked: false, status: 'ACTIVE', taskState: null };
const BASE_MS = Date.UTC(2026, 0, 1);

/** Nova with its own rows only, behind the proxy; and one that has all rows itself, to compare with. */
let nova: MigrationsApi;
let whole: MigrationsApi;
let waiting: WaitingMigration[];
let port: number;

beforeEach(async () => {
  await prepare(1000);
});

async function prepare(maxLimit: number): Promise<void> {
  nova = await new MigrationsApi(maxLimit).start();
  whole = await new MigrationsApi(maxLimit).start();
  for (const vm of VMS) for (const api of [nova, whole]) api.servers.set(vm, SERVER);
  for (const api of [nova, whole]) {
    api.tokens.set('manager', { projectId: 'project', role: 'manager' });
    api.tokens.set('stranger', { projectId: 'other', role: 'manager' });
    api.tokens.set('member', { projectId: 'project', role: 'member' });
  }
  waiting = [];
  const source: MigrationsSource = {
    waiting: async (serverId) =>
      waiting.filter(({ vmUuid, status }) => status === 'queued' && (serverId === null || vmUuid === serverId)),
    ended: async () => waiting.filter(({ status }) => status !== 'queued'),
    migrating: () => new Set(),
    novaId: async () => null,
    stateAllows: async () => true,
    abort: async () => false,
  };
  port = (await proxyBefore(nova.port, null, {}, { migrations: source })).port;
}

/** A row that both have. */
function novas(id: number, vm: string, second: number, status = 'completed'): void {
  const row = nova.row(id, vm, { createdAtMs: BASE_MS + second * 1000, status });
  whole.rows.push(row);
}

/** One that waits in Drover, and is a row of the Nova that is compared with. */
function queued(id: number, vm: string, second: number, change: Partial<WaitingMigration> = {}): void {
  const createdAtMs = BASE_MS + second * 1000;
  const one: WaitingMigration = {
    id,
    vmUuid: vm,
    projectId: 'project',
    userId: 'user',
    source: 'compute-1',
    sourceNode: 'compute-1',
    destination: 'compute-2',
    createdAtMs,
    updatedAtMs: createdAtMs,
    status: 'queued',
    asked: false,
    ...change,
  };
  waiting.push(one);
  whole.row(overlayId(id) ?? 0, vm, {
    uuid: overlayUuid({ id, createdAtMs }),
    status: one.status,
    source: one.source,
    destination: one.destination,
    createdAtMs,
    updatedAtMs: one.updatedAtMs,
  });
}

interface Got {
  status: number;
  text: string;
  headers: [string, string][];
}

async function get(at: number, path: string, microversion = '2.104', token = 'admin'): Promise<Got> {
  const answer = await fetch(`http://127.0.0.1:${at}/v2.1${path}`, {
    headers: { 'X-Auth-Token': token, 'OpenStack-API-Version': `compute ${microversion}` },
  });
  const headers = [...answer.headers].filter(([name]) => !['connection', 'keep-alive'].includes(name));
  // Each of the two is at a port of its own.
  const text = (await answer.text())
    .replaceAll('http://nova.example/', `http://127.0.0.1:${at}/`)
    .replaceAll(`:${at}/`, ':PORT/');
  return { status: answer.status, text, headers: headers.filter(([name]) => name !== 'content-length') };
}

async function same(path: string, microversion?: string, token?: string): Promise<Got> {
  const [through, direct] = [
    await get(port, path, microversion, token),
    await get(whole.port, path, microversion, token),
  ];
  expect(through).toEqual(direct);
  return through;
}

const [A = '', B = '', C = ''] = VMS;

describe('what waits is listed as Nova lists what it has itself', () => {
  test.each(['2.1', '2.22', '2.23', '2.58', '2.59', '2.65', '2.66', '2.79', '2.80', '2.93', '2.104', 'latest'])(
    'in %s, everywhere',
    async (microversion) => {
      novas(1, A, 1);
      novas(2, B, 5, 'running');
      queued(7, A, 3);
      queued(8, C, 9);
      const listed = await same('/os-migrations', microversion);
      expect(listed.text).toContain('2000000007');
      for (const vm of VMS) {
        await same(`/servers/${vm}/migrations`, microversion);
        await same(`/servers/${vm}/migrations/${overlayId(7)}`, microversion);
      }
      const shown = await get(port, `/servers/${A}/migrations/${overlayId(7)}`, microversion);
      expect(shown.status).toBe(microversion === '2.1' || microversion === '2.22' ? 404 : 200);
    },
  );

  test('also one that ended before Nova had it, as cancelled or in error, in the list of all alone', async () => {
    novas(1, A, 1);
    queued(7, A, 3, { status: 'cancelled', updatedAtMs: BASE_MS + 8000 });
    queued(8, B, 4, { status: 'error', updatedAtMs: BASE_MS + 9000 });
    queued(9, C, 5);
    for (const microversion of ['2.1', '2.23', '2.59', '2.80', 'latest']) {
      expect((await same('/os-migrations', microversion)).text).toContain('cancelled');
      for (const query of ['status=cancelled', 'status=queued', 'status=error', 'limit=1', `instance_uuid=${A}`]) {
        await same(`/os-migrations?${query}`, microversion);
      }
      for (const vm of VMS) await same(`/servers/${vm}/migrations`, microversion);
    }
    // Nova shows alone only what is in progress.
    for (const at of [port, whole.port]) {
      expect((await get(at, `/servers/${A}/migrations/${overlayId(7)}`)).status).toBe(404);
    }
  });

  test.each([
    'status=queued',
    'status=running',
    'host=compute-2',
    'host=compute-3',
    'source_compute=compute-1',
    `instance_uuid=${A}`,
    'migration_type=live-migration&status=queued',
    'user_id=user',
    'user_id=other',
    'project_id=project',
    'changes-since=2026-01-01T00:00:04Z',
    'changes-before=2026-01-01T00:00:04Z',
    'changes-since=2026-01-01T00:00:02Z&changes-before=2026-01-01T00:00:06Z',
    'limit=0',
    'limit=1',
    'limit=2',
    'limit=3&status=queued',
    'limit=100',
  ])('for ?%s', async (query) => {
    novas(1, A, 1);
    novas(2, B, 5, 'running');
    queued(7, A, 3);
    queued(8, C, 9, { destination: null });
    for (const microversion of ['2.1', '2.58', '2.66', '2.104']) await same(`/os-migrations?${query}`, microversion);
  });

  test('with any rows, any limit and both kinds of markers, page after page', async () => {
    const row = fc.record({ ours: fc.boolean(), second: fc.integer({ min: 0, max: 6 }), vm: fc.constantFrom(...VMS) });
    const asked = fc.record({
      rows: fc.array(row, { maxLength: 12 }),
      limit: fc.option(fc.integer({ min: 1, max: 5 }), { nil: null }),
      maxLimit: fc.constantFrom(2, 3, 1000),
      filter: fc.constantFrom('', `instance_uuid=${A}`, 'status=queued'),
    });
    await fc.assert(
      fc.asyncProperty(asked, async ({ rows, limit, maxLimit, filter }) => {
        Object.assign(nova, { maxLimit });
        Object.assign(whole, { maxLimit });
        for (const list of [nova.rows, whole.rows, waiting]) list.length = 0;
        for (const [index, { ours, second, vm }] of rows.entries()) {
          if (ours) queued(index + 1, vm, second);
          else novas(index + 1, vm, second);
        }
        // Without a limit a page of Nova's that is not full says nothing of its size.
        if (limit === null && maxLimit < 1000) return;
        const first = `/os-migrations?${[...(limit === null ? [] : [`limit=${limit}`]), ...(filter ? [filter] : [])].join('&')}`;
        const seen: number[] = [];
        for (let path: string | null = first, pages = 0; path !== null && pages < 15; pages += 1) {
          const page: { migrations: { id: number }[]; migrations_links?: { href: string }[] } = JSON.parse(
            limit !== null && limit > maxLimit ? (await get(port, path)).text : (await same(path)).text,
          );
          seen.push(...page.migrations.map(({ id }) => id));
          const next: string | undefined = page.migrations_links?.[0]?.href;
          path = next === undefined ? null : next.replace(/^.*\/v2\.1/, '');
        }
        const every = JSON.parse((await get(whole.port, `/os-migrations?limit=1000&${filter}`)).text);
        if (maxLimit === 1000) expect(seen).toEqual(every.migrations.map(({ id }: { id: number }) => id));
        expect(new Set(seen).size).toBe(seen.length);
      }),
      { numRuns: 60 },
    );
  });

  test('a marker of one that has left the queue still leads to the page behind it', async () => {
    novas(1, A, 1);
    novas(2, B, 5);
    const marker = overlayUuid({ id: 7, createdAtMs: BASE_MS + 3000 });
    const page = JSON.parse((await get(port, `/os-migrations?marker=${marker}&limit=5`)).text);
    expect(page.migrations.map(({ id }: { id: number }) => id)).toEqual([1]);
  });
});

describe('Nova decides who sees it', () => {
  beforeEach(() => {
    queued(7, A, 3);
    novas(1, A, 1);
  });

  test.each([
    ['nobody', '/os-migrations'],
    ['member', '/os-migrations'],
    ['manager', '/os-migrations'],
    ['manager', '/os-migrations?project_id=other'],
    ['stranger', `/servers/${A}/migrations`],
    ['member', `/servers/${A}/migrations`],
    ['member', `/servers/${A}/migrations/${overlayId(7)}`],
    ['stranger', `/servers/${A}/migrations/${overlayId(7)}`],
    ['manager', `/servers/${A}/migrations/${overlayId(7)}`],
    ['nobody', `/servers/${A}/migrations/${overlayId(7)}`],
    ['admin', `/servers/${VMS[1]}/migrations/${overlayId(7)}`],
    ['admin', `/servers/00000000-0000-4000-8000-000000000000/migrations`],
    ['admin', '/os-migrations?marker=nonsense'],
  ])('%s reads Nova’s own refusal of %s', async (token, path) => {
    const through = await get(port, path, '2.104', token);
    expect(through).toEqual(await get(nova.port, path, '2.104', token));
    expect(through.status).toBeGreaterThanOrEqual(400);
    expect(through.text).not.toContain('queued');
  });

  test('a project’s manager sees the project’s, without hosts, and another’s manager none', async () => {
    const own = await same('/os-migrations?project_id=project', '2.104', 'manager');
    expect(own.text).toContain('"status": "queued"');
    expect(own.text).not.toContain('compute-');
    const other = await get(port, '/os-migrations?project_id=other', '2.104', 'stranger');
    expect(other.status).toBe(200);
    expect(JSON.parse(other.text)).toEqual({ migrations: [] });
  });

  test('hosts stay hidden too where Nova lists nothing to tell it by', async () => {
    nova.rows.length = 0;
    whole.rows.splice(
      whole.rows.findIndex(({ id }) => id === 1),
      1,
    );
    expect((await same('/os-migrations?project_id=project', '2.104', 'manager')).text).not.toContain('compute-');
    expect((await same('/os-migrations', '2.104')).text).toContain('compute-1');
  });
});

describe('where nothing is to be shown', () => {
  test('the request goes through once and the answer comes as it is', async () => {
    novas(1, A, 1);
    for (const path of ['/os-migrations', `/servers/${A}/migrations`, `/servers/${A}/migrations/${overlayId(3)}`]) {
      nova.asked.length = 0;
      expect(await get(port, path)).toEqual(await get(nova.port, path));
      expect(nova.asked).toEqual([`GET /v2.1${path}`, `GET /v2.1${path}`]);
    }
  });

  test('one that waits for another server changes no byte of this one’s', async () => {
    novas(1, A, 1, 'running');
    queued(7, B, 3);
    nova.asked.length = 0;
    expect(await get(port, `/servers/${A}/migrations`)).toEqual(await get(nova.port, `/servers/${A}/migrations`));
    expect(nova.asked).toHaveLength(2);
  });

  test('a list of Nova’s that cannot be read comes as it is', async () => {
    queued(7, A, 3);
    nova.broken = { status: 200, body: '{"migrations": "many"}' };
    expect((await get(port, '/os-migrations')).text).toBe('{"migrations": "many"}');
  });
});
