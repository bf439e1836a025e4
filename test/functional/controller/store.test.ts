import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { factsOf } from '../../../plugin/controller/plan/facts.ts';
import type { DatabaseAddress, MariadbAddress } from '../../../plugin/controller/store/address.ts';
import { openDatabase } from '../../../plugin/controller/store/database.ts';
import { readFacts } from '../../../plugin/controller/store/facts.ts';
import { Store } from '../../../plugin/controller/store/store.ts';
import { MariadbServer } from '../../mariadb/server.ts';
import { queued, world } from '../../unit/controller/plan/worlds.ts';

const REQUEST = {
  vmUuid: '6f1c3d0e-7d7f-4d57-8f67-2f1f5a3f9c11',
  userId: 'user',
  source: 'compute-1',
  destination: null,
  receivedAtMs: 1_795_000_000_000,
  request: { host: null, blockMigration: 'auto' as const, diskOverCommit: null, force: null, microversion: '2.93' },
  server: { name: "vm-1 '\\🐂", projectId: 'project', flavorName: 'm256', memoryBytes: 2 ** 40, metadata: { a: 'b' } },
};
const AT = REQUEST.receivedAtMs;
const ASKED = {
  priority: 'high' as const,
  deadlineAtMs: null,
  notBeforeAtMs: AT + 5000,
  requester: 'U123',
  client: 'bot',
  group: 'g',
  traceparent: null,
};

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-store-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

let mariadb: MariadbServer;
beforeAll(async () => {
  mariadb = await MariadbServer.start();
});
afterAll(() => mariadb?.stop());

/** An empty database of each kind that is served. */
const KINDS: Record<string, () => Promise<DatabaseAddress>> = {
  SQLite: async () => ({ kind: 'sqlite', file: join(folder, 'drover.db') }),
  'MariaDB by its socket': () => mariadb.createDatabase(),
  'MariaDB over TCP': async () => ({
    ...(await mariadb.createDatabase()),
    at: { host: '127.0.0.1', port: mariadb.port },
  }),
};

const A = { replica: 'a', address: 'http://a', leaseMs: 60_000 };
const B = { replica: 'b', address: null, leaseMs: 60_000 };

async function leading(database: DatabaseAddress): Promise<Store> {
  const opened = new Store(database);
  await opened.start();
  if (opened.shared) opened.fence = (await opened.takeLead(A)) ?? 0;
  expect(opened.fence).toBeGreaterThan(0);
  return opened;
}

describe.for(Object.entries(KINDS))('Store on %s', ([, createDatabase]) => {
  let address: DatabaseAddress;
  let store: Store;
  beforeEach(async () => {
    address = await createDatabase();
    store = await leading(address);
  });
  afterEach(() => store.stop());

  it('has a transition, its event and its fields after it was opened again', async () => {
    const { id } = await store.add(REQUEST);
    await store.transition(id, 'queued', { code: 'q', text: 'waits' }, AT + 500, { deferred: true });
    await store.transition(id, 'submitted', { code: 's', text: 'asked Nova' }, AT + 1000, {
      submittedAtMs: AT + 1000,
      destination: 'compute-2',
    });
    await store.note(id, { code: 'n', text: 'seen' }, AT + 1500);
    await store.stop();

    await store.start();
    const [found] = await store.unfinished();
    expect(found).toMatchObject({
      id,
      state: 'submitted',
      deferred: true,
      destination: 'compute-2',
      submittedAtMs: AT + 1000,
      request: REQUEST.request,
      server: REQUEST.server,
      vmName: REQUEST.server.name,
    });
    expect((await store.events(id)).map((event) => [event.state, event.atMs])).toEqual([
      ['received', AT],
      ['queued', AT + 500],
      ['submitted', AT + 1000],
      ['submitted', AT + 1500],
    ]);
  });

  it('finds what came with a request of another replica, the newest of several', async () => {
    await store.add({ ...REQUEST, handover: 'h1' });
    const second = await store.add({ ...REQUEST, handover: 'h1' });
    await store.add(REQUEST);
    expect(await store.handedOver('h1')).toEqual(second);
    expect(await store.handedOver('h2')).toBeNull();
  });

  it('gives what it wrote as it reads it later', async () => {
    const added = await store.add(REQUEST);
    expect(await store.get(added.id)).toEqual(added);
    const moved = await store.transition(added.id, 'running', { code: 'r', text: 'runs' }, AT + 1, {
      novaMigrationId: 7,
    });
    expect(moved).toMatchObject({ state: 'running', novaMigrationId: 7, deferred: false });
    expect(await store.get(added.id)).toEqual(moved);
    const changed = await store.update(added.id, { novaMigrationUuid: 'uuid' });
    expect(await store.get(added.id)).toEqual(changed);
  });

  it('no longer lists a finished migration as unfinished', async () => {
    const { id } = await store.add(REQUEST);
    const other = await store.add(REQUEST);
    await store.transition(id, 'failed', { code: 'f', text: 'no' }, AT + 3000);
    expect((await store.unfinished()).map((migration) => migration.id)).toEqual([other.id]);
    expect((await store.newest(10)).map((migration) => migration.id)).toEqual([other.id, id]);
    expect((await store.newest(1)).map((migration) => migration.id)).toEqual([other.id]);
    expect(await store.get(id)).toMatchObject({ state: 'failed', endedAtMs: AT + 3000 });
    expect(await store.get(999)).toBeNull();
  });

  it('keeps what a decision was made from, and notices in their order', async () => {
    const { id } = await store.add(REQUEST);
    const migration = queued(id, { priority: 'high' });
    const facts = factsOf(world({ queue: [migration] }), migration);
    await store.transition(id, 'reserving', { code: 'decided', text: '' }, AT, { facts });
    await store.addNotice({ atMs: 1, code: 'policy-loaded', text: 'a', details: [] });
    await store.addNotice({ atMs: 2, code: 'policy-refused', text: 'b', details: ['seed.yaml:1:1: x'] });
    expect((await store.notices(0, 10)).map(({ text }) => text)).toEqual(['a', 'b']);
    expect(await store.notices(1, 10)).toEqual([
      { id: 2, atMs: 2, code: 'policy-refused', text: 'b', details: ['seed.yaml:1:1: x'] },
    ]);
    expect(await store.notices(0, 1)).toHaveLength(1);
    const raw = await openDatabase(address);
    const row = await raw.selectFrom('migration').select('facts').executeTakeFirstOrThrow();
    await raw.destroy();
    expect(readFacts(row.facts ?? '')).toEqual(JSON.parse(JSON.stringify(facts)));
  });

  it('takes what is asked with the same key once, also when it comes at the same time and after it was opened again', async () => {
    const key = { client: 'bot', key: 'k1', digest: 'a'.repeat(64) };
    const both = await Promise.all([1, 2, 3].map(() => store.addAsked(REQUEST, ASKED, key)));
    expect(both.map(({ added }) => added).sort()).toEqual([false, false, true]);
    expect(new Set(both.map(({ record }) => record.id)).size).toBe(1);
    expect(both[0]?.record).toMatchObject({ state: 'queued', deferred: true, asked: ASKED });
    await store.stop();

    await store.start();
    expect(await store.addAsked(REQUEST, ASKED, key)).toMatchObject({
      added: false,
      record: { id: both[0]?.record.id },
    });
    expect((await store.unfinished()).length).toBe(1);
    const another = { ...key, client: 'cron' };
    expect(await store.withKey(another)).toBeNull();
    expect(await store.addAsked(REQUEST, ASKED, another)).toMatchObject({ added: true });
    expect(await store.addAsked(REQUEST, ASKED, null)).toMatchObject({ added: true });
    await expect(store.addAsked(REQUEST, ASKED, { ...key, digest: 'b'.repeat(64) })).rejects.toMatchObject({
      code: 'idempotency-key-reused',
    });
    expect((await store.unfinished()).length).toBe(3);
  });

  it('keeps the audit in its order and gives it in pages', async () => {
    const entry = { atMs: 1, who: 'bot', via: 'token' as const, action: 'migrate', target: 'vm-1' };
    for (const decision of ['accepted', 'vm-busy', 'forbidden']) {
      await store.addAudit({ ...entry, decision, requestId: `req-${decision}`, details: { priority: 'high' } });
    }
    const [newest] = await store.audit(null, 1);
    expect(newest).toEqual({
      ...entry,
      id: 3,
      decision: 'forbidden',
      requestId: 'req-forbidden',
      details: { priority: 'high' },
    });
    expect((await store.audit(3, 10)).map(({ decision }) => decision)).toEqual(['vm-busy', 'accepted']);
  });

  it('takes more writes at once than it has connections, and loses none', async () => {
    const added = await Promise.all(Array.from({ length: 40 }, () => store.add(REQUEST)));
    await Promise.all(added.map(({ id }) => store.transition(id, 'queued', { code: 'q', text: '' }, AT)));
    expect((await store.unfinished()).map(({ state }) => state)).toEqual(Array(40).fill('queued'));
    expect(new Set(added.map(({ id }) => id)).size).toBe(40);
  });
});

describe('Store on SQLite', () => {
  it('says which file is no database', async () => {
    const file = join(folder, 'drover.db');
    writeFileSync(file, 'not a database, just a text that is long enough to be read as a header');
    await expect(new Store(file).start()).rejects.toThrow(`database ${file}: file is not a database`);
  });

  it('takes over a database of each earlier version, with what is in it', async () => {
    const undo = {
      3: `DROP INDEX migration_handover; ALTER TABLE migration DROP COLUMN handover; DROP TABLE leadership; CREATE TABLE leadership (fence integer not null);
        INSERT INTO leadership VALUES (1795000000123); PRAGMA user_version = 3;`,
      2: `ALTER TABLE migration DROP COLUMN asked; DROP TABLE audit; DROP TABLE idempotency;
        CREATE TABLE old AS SELECT migration_id, at_ms, state, reason FROM event ORDER BY id; DROP TABLE event;
        ALTER TABLE old RENAME TO event; PRAGMA user_version = 2;`,
      0: 'ALTER TABLE migration DROP COLUMN facts; DROP TABLE notice; PRAGMA user_version = 0;',
    };
    for (const version of [3, 2, 0] as const) {
      const file = join(folder, `version-${version}.db`);
      const before = new Store(file);
      await before.start();
      const { id } = await before.add(REQUEST);
      await before.transition(id, 'queued', { code: 'q', text: 'waits' }, AT + 500);
      const [record, events] = [await before.get(id), await before.events(id)];
      await before.stop();
      const raw = new Database(file);
      for (const each of [3, 2, 0] as const) if (each >= version) raw.exec(undo[each]);
      raw.close();

      const after = new Store(file);
      await after.start();
      expect(await after.get(id)).toEqual(record);
      expect(await after.events(id)).toEqual(events);
      await after.note(id, { code: 'n', text: 'later' }, AT + 1000);
      expect((await after.events(id)).map((event) => event.id)).toEqual([1, 2, 3]);
      expect(await after.notices(0, 10)).toEqual([]);
      expect(after.fence).toBeGreaterThan(1_795_000_000_123);
      await after.stop();
    }
  });

  it('refuses a database of a newer version and leaves it as it is', async () => {
    const file = join(folder, 'drover.db');
    const raw = new Database(file);
    raw.exec('PRAGMA user_version = 99;');
    raw.close();
    await expect(new Store(file).start()).rejects.toThrow(/version 99, this Drover knows \d+: start the newer one/);
    const again = new Database(file, { readonly: true });
    expect(again.pragma('user_version', { simple: true })).toBe(99);
    again.close();
  });
});

describe('Store on MariaDB', () => {
  let address: MariadbAddress;
  beforeEach(async () => {
    address = await mariadb.createDatabase();
  });

  it('has its tables made once by replicas that start at the same time', async () => {
    const stores = Array.from({ length: 4 }, () => new Store(address));
    await Promise.all(stores.map((store) => store.start()));
    const fences = await Promise.all(stores.map((store) => store.takeLead(A)));
    expect(fences.filter((fence) => fence !== null)).toHaveLength(1);
    for (const store of stores) await store.addNotice({ atMs: 1, code: 'policy-loaded', text: 'a', details: [] });
    expect(await stores[0]?.notices(0, 10)).toHaveLength(4);
    await Promise.all(stores.map((store) => store.stop()));
  });

  it('goes on where a start was killed between two changes of the tables', async () => {
    const first = await leading(address);
    const { id } = await first.add(REQUEST);
    await first.stop();
    await mariadb.sql(
      `USE ${address.database}; DELETE FROM schema_version; ALTER TABLE leadership DROP COLUMN replica`,
    );
    const second = new Store(address);
    await second.start();
    expect((await second.events(id)).map(({ state }) => state)).toEqual(['received']);
    await second.stop();
  });

  it('lets one lead, the next one with a higher number once the lease has lapsed or was given up', async () => {
    const [a, b] = [new Store(address), new Store(address)];
    await Promise.all([a.start(), b.start()]);
    const first = (await a.takeLead({ ...A, leaseMs: 60_000 })) ?? 0;
    expect(first).toBeGreaterThan(1_795_000_000_000);
    expect(await b.takeLead(B)).toBeNull();
    expect(await b.leadership()).toEqual({ fence: first, replica: 'a', address: 'http://a', holds: true });
    expect(await a.renewLead(first, 300)).toBe(true);
    await expect.poll(() => b.leadership()).toMatchObject({ holds: false });
    // Nobody has taken it meanwhile.
    expect(await a.renewLead(first, 300)).toBe(true);
    await expect.poll(() => b.takeLead(B)).toBeGreaterThan(first);
    expect(await a.renewLead(first, 300)).toBe(false);
    const { fence } = await a.leadership();
    expect(await a.takeLead(A)).toBeNull();
    await b.giveUpLead(fence);
    expect(await a.takeLead(A)).toBeGreaterThan(fence);
    await Promise.all([a.stop(), b.stop()]);
  });

  it('refuses every write of one that leads no more, and of one that never did', async () => {
    const a = await leading(address);
    const { id } = await a.add(REQUEST);
    const b = new Store(address);
    await b.start();
    await a.giveUpLead(a.fence);
    b.fence = (await b.takeLead(B)) ?? 0;
    await b.transition(id, 'running', { code: 'r', text: '' }, AT);
    const never = new Store(address);
    await never.start();
    for (const store of [a, never]) {
      const refused = { code: 'not-leader' };
      await expect((async () => store.add(REQUEST))()).rejects.toMatchObject(refused);
      await expect((async () => store.addAsked(REQUEST, ASKED, null))()).rejects.toMatchObject(refused);
      await expect((async () => store.transition(id, 'failed', { code: 'f', text: '' }, AT))()).rejects.toMatchObject(
        refused,
      );
      await expect((async () => store.update(id, { destination: 'x' }))()).rejects.toMatchObject(refused);
      await expect((async () => store.note(id, { code: 'n', text: '' }, AT))()).rejects.toMatchObject(refused);
    }
    expect(await b.unfinished()).toMatchObject([{ id, state: 'running', destination: null }]);
    expect((await b.events(id)).map(({ state }) => state)).toEqual(['received', 'running']);
    await Promise.all([a.stop(), b.stop(), never.stop()]);
  });

  it('lets nobody take the lead in the middle of a write of the leader', async () => {
    const a = await leading(address);
    const b = new Store(address);
    await b.start();
    await a.giveUpLead(a.fence);
    // Many writes at once against one who tries to take over: each is there as a whole or not at all.
    const writes = Array.from({ length: 30 }, () =>
      a.add(REQUEST).then(
        () => true,
        () => false,
      ),
    );
    const took = b.takeLead(B);
    const written = (await Promise.all(writes)).filter((done) => done).length;
    expect(await took).toBeGreaterThan(a.fence);
    const found = await b.unfinished();
    expect(found).toHaveLength(written);
    for (const { id } of found) expect(await b.events(id)).toHaveLength(1);
    await Promise.all([a.stop(), b.stop()]);
  });

  it('frees within seconds what a replica had locked that was cut off in the middle of a write', async () => {
    const a = await leading(address);
    const { id } = await a.add(REQUEST);
    const stuck = await openDatabase(address);
    const transaction = await stuck.startTransaction().execute();
    await transaction.updateTable('migration').set({ destination: 'x' }).where('id', '=', id).execute();
    const startedAtMs = performance.now();
    await expect.poll(() => a.update(id, { destination: 'y' }).catch(() => null)).toMatchObject({ destination: 'y' });
    // MariaDB's own patience with it would be 50 s (innodb_lock_wait_timeout), or none.
    expect(performance.now() - startedAtMs).toBeLessThan(25_000);
    await stuck.destroy();
    await a.stop();
  });

  it('refuses a database of a newer version', async () => {
    await mariadb.sql(`USE ${address.database}; CREATE TABLE schema_version (version INT NOT NULL PRIMARY KEY)`);
    await mariadb.sql(`INSERT INTO ${address.database}.schema_version VALUES (99)`);
    await expect(new Store(address).start()).rejects.toThrow(/version 99, this Drover knows \d+: start the newer one/);
  });

  it('says which server does not let it in, without the password', async () => {
    const refused = new Store({ ...address, password: 'a-wrong-one' }).start();
    await expect(refused).rejects.toThrow(`database mysql://drover@localhost/${address.database}?socket=`);
    await expect(refused).rejects.toThrow('Access denied');
    await expect(refused).rejects.not.toThrow('a-wrong-one');
    const closed = new Store({ ...address, at: { host: '127.0.0.1', port: 1 } }).start();
    await expect(closed).rejects.toThrow(
      `database mysql://drover@127.0.0.1:1/${address.database}: connect ECONNREFUSED`,
    );
  });
});
