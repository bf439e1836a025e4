import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { pruneBefore, Retention, RetentionSettings } from '../../../plugin/controller/retention.ts';
import type { DatabaseAddress } from '../../../plugin/controller/store/address.ts';
import { Store } from '../../../plugin/controller/store/store.ts';
import { MariadbServer } from '../../mariadb/server.ts';

const DAY_MS = 86_400_000;
const NOW = 1_795_000_000_000;
const ago = (days: number) => NOW - days * DAY_MS;
const SERVER = { name: 'vm', projectId: 'project', flavorName: 'm256', memoryBytes: 2 ** 28, metadata: {} };
const KEPT = { host: null, blockMigration: 'auto' as const, diskOverCommit: null, force: null, microversion: '2.93' };
const ASKED = {
  ...{ priority: null, deadlineAtMs: null, notBeforeAtMs: null, requester: null, client: 'bot' },
  ...{ group: null, traceparent: null },
};
const REASON = { code: 'completed', text: 'Nova: completed' };
/** Of which migrations older ones are spared is tested on its own. */
const before = { ...pruneBefore(RetentionSettings.parse({}), NOW), newestMigrations: 1 };

let mariadb: MariadbServer;
beforeAll(async () => {
  mariadb = await MariadbServer.start();
});
afterAll(() => mariadb?.stop());

const folder = mkdtempSync(join(tmpdir(), 'drover-retention-'));
afterAll(() => rmSync(folder, { recursive: true }));
const KINDS: [string, () => Promise<DatabaseAddress>][] = [
  ['SQLite', async () => ({ kind: 'sqlite', file: join(folder, `${randomUUID()}.db`) })],
  ['MariaDB', () => mariadb.createDatabase()],
];

async function open(address: DatabaseAddress): Promise<Store> {
  const store = new Store(address);
  await store.start();
  if (store.shared) store.fence = (await store.takeLead({ replica: 'a', address: null, leaseMs: 60_000 })) ?? 0;
  onTestFinished(() => store.stop());
  return store;
}

/** Asked for with a key so many days ago; ended an hour later unless it still waits. */
async function migrated(store: Store, days: number, ended = true): Promise<number> {
  const migration = { vmUuid: 'vm', userId: 'u', source: 'a', destination: null, receivedAtMs: ago(days) };
  const key = { client: 'bot', key: `key-${days}`, digest: 'd' };
  const { record } = await store.addAsked({ ...migration, request: KEPT, server: SERVER }, ASKED, key);
  if (ended) await store.transition(record.id, 'completed', REASON, ago(days) + 3_600_000);
  return record.id;
}

async function pruned(store: Store): Promise<number> {
  let rows = 0;
  for (;;) {
    const batch = await store.prune(before);
    if (batch === 0) return rows;
    rows += batch;
  }
}

const hasKey = async (store: Store, days: number) =>
  (await store.withKey({ client: 'bot', key: `key-${days}`, digest: 'd' })) !== null;

describe.for(KINDS)('Retention on %s', ([, createDatabase]) => {
  it('deletes what has been over for long, with its events, and a key before that', async () => {
    const store = await open(await createDatabase());
    const old = await migrated(store, 500);
    const waits = await migrated(store, 450, false);
    const kept = await migrated(store, 390);
    const young = await migrated(store, 29);
    const newest = await migrated(store, 1);
    await store.addAudit({
      ...{ atMs: ago(401), who: 'w', via: 'token', action: 'migrate', target: null, decision: 'accepted' },
      ...{ requestId: 'r', details: {} },
    });
    await store.addNotice({ atMs: ago(101), code: 'policy-loaded', text: 'old', details: [] });
    await store.addNotice({ atMs: ago(99), code: 'policy-loaded', text: 'young', details: [] });
    expect(await pruned(store)).toBe(4);
    const ids = (await store.newest(100)).map(({ id }) => id);
    expect(ids).toEqual([newest, young, kept, waits]);
    expect(await store.events(old)).toEqual([]);
    expect((await store.events(kept)).length).toBe(2);
    expect(await hasKey(store, 390)).toBe(false);
    // What still waits must not be asked for twice; and a month is not over.
    expect(await hasKey(store, 450)).toBe(true);
    expect(await hasKey(store, 29)).toBe(true);
    expect(await store.audit(null, 10)).toEqual([]);
    expect((await store.notices(0, 10)).map(({ text }) => text)).toEqual(['young']);
    // A place in the stream of events never comes twice.
    expect((await store.eventsAfter(0, 100)).at(0)?.migrationId).toBe(waits);
  });

  it('spares the newest, of which durations are learned', async () => {
    const store = await open(await createDatabase());
    for (let n = 0; n < 5; n += 1) await migrated(store, 500 - n);
    expect(await store.prune({ ...before, newestMigrations: 3 })).toBeGreaterThan(0);
    expect((await store.newest(100)).length).toBe(3);
  });
});

it('is at work once an hour where its store leads, and stops at once', async () => {
  const store = await open({ kind: 'sqlite', file: join(folder, 'loop.db') });
  const asked: number[] = [];
  let batches = 2;
  const retention = new Retention(
    {
      fence: 1,
      prune: async ({ auditMs }) => {
        asked.push(auditMs);
        batches -= 1;
        return Math.max(0, batches);
      },
    },
    RetentionSettings.parse({ auditDays: 10 }),
    pino({ level: 'silent' }),
  );
  retention.start(0);
  await expect.poll(() => asked.length).toBe(2);
  expect(Math.abs((asked[0] ?? 0) - (Date.now() - 10 * DAY_MS))).toBeLessThan(60_000);
  await retention.stop();
  const follower = new Retention({ fence: 0, prune: () => store.prune(before) }, RetentionSettings.parse({}), pino());
  follower.start(0);
  await follower.stop();
});
