import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { factsOf } from '../../../plugin/controller/plan/facts.ts';
import { Store } from '../../../plugin/controller/store/store.ts';
import { queued, world } from '../../unit/controller/plan/worlds.ts';

const REQUEST = {
  vmUuid: '6f1c3d0e-7d7f-4d57-8f67-2f1f5a3f9c11',
  userId: 'user',
  source: 'compute-1',
  destination: null,
  receivedAtMs: 1000,
  request: { host: null, blockMigration: 'auto' as const, diskOverCommit: null, force: null, microversion: '2.93' },
  server: { name: 'vm-1', projectId: 'project', flavorName: 'm256', memoryBytes: 2 ** 28, metadata: { a: 'b' } },
};

const ASKED = {
  priority: 'high' as const,
  deadlineAtMs: null,
  notBeforeAtMs: 5000,
  requester: 'U123',
  group: 'g',
  traceparent: null,
};

describe('Store', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'drover-store-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('has a transition, its event and its fields after it was opened again', async () => {
    const file = join(folder, 'drover.db');
    const before = new Store(file);
    await before.start();
    const { id } = await before.add(REQUEST);
    await before.transition(id, 'queued', { code: 'q', text: 'waits' }, 1500, { deferred: true });
    await before.transition(id, 'submitted', { code: 's', text: 'asked Nova' }, 2000, {
      submittedAtMs: 2000,
      destination: 'compute-2',
    });
    await before.note(id, { code: 'n', text: 'seen' }, 2500);
    await before.stop();

    const after = new Store(file);
    await after.start();
    const [found] = await after.unfinished();
    expect(found).toMatchObject({
      id,
      state: 'submitted',
      deferred: true,
      destination: 'compute-2',
      submittedAtMs: 2000,
      request: REQUEST.request,
      server: REQUEST.server,
    });
    expect((await after.events(id)).map((event) => [event.state, event.atMs])).toEqual([
      ['received', 1000],
      ['queued', 1500],
      ['submitted', 2000],
      ['submitted', 2500],
    ]);
    await after.stop();
  });

  it('no longer lists a finished migration as unfinished', async () => {
    const store = new Store(join(folder, 'drover.db'));
    await store.start();
    const { id } = await store.add(REQUEST);
    const other = await store.add(REQUEST);
    await store.transition(id, 'failed', { code: 'f', text: 'no' }, 3000);
    expect((await store.unfinished()).map((migration) => migration.id)).toEqual([other.id]);
    expect((await store.newest(10)).map((migration) => migration.id)).toEqual([other.id, id]);
    expect(await store.get(id)).toMatchObject({ state: 'failed', endedAtMs: 3000 });
    expect(await store.get(999)).toBeNull();
    await store.stop();
  });

  it('takes what is asked with the same key once, also when it comes at the same time and after it was opened again', async () => {
    const file = join(folder, 'drover.db');
    const store = new Store(file);
    await store.start();
    const key = { client: 'bot', key: 'k1', digest: 'a'.repeat(64) };
    const both = await Promise.all([1, 2, 3].map(() => store.addAsked(REQUEST, ASKED, key)));
    expect(both.map(({ added }) => added).sort()).toEqual([false, false, true]);
    expect(new Set(both.map(({ record }) => record.id)).size).toBe(1);
    expect(both[0]?.record).toMatchObject({ state: 'queued', deferred: true, asked: ASKED });
    await store.stop();

    const after = new Store(file);
    await after.start();
    expect(await after.addAsked(REQUEST, ASKED, key)).toMatchObject({
      added: false,
      record: { id: both[0]?.record.id },
    });
    expect((await after.unfinished()).length).toBe(1);
    const another = { ...key, client: 'cron' };
    expect(await after.withKey(another)).toBeNull();
    expect(await after.addAsked(REQUEST, ASKED, another)).toMatchObject({ added: true });
    expect(await after.addAsked(REQUEST, ASKED, null)).toMatchObject({ added: true });
    await expect(after.addAsked(REQUEST, ASKED, { ...key, digest: 'b'.repeat(64) })).rejects.toMatchObject({
      code: 'idempotency-key-reused',
    });
    expect((await after.unfinished()).length).toBe(3);
    await after.stop();
  });

  it('keeps the audit in its order and gives it in pages', async () => {
    const store = new Store(join(folder, 'drover.db'));
    await store.start();
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
    await store.stop();
  });

  it('says which file is no database', async () => {
    const file = join(folder, 'drover.db');
    writeFileSync(file, 'not a database, just a text that is long enough to be read as a header');
    await expect(new Store(file).start()).rejects.toThrow(`database ${file}: file is not a database`);
  });

  it('keeps what a decision was made from, and notices in their order', async () => {
    const store = new Store(join(folder, 'drover.db'));
    await store.start();
    const { id } = await store.add(REQUEST);
    const migration = queued(id, { priority: 'high' });
    const now = world({ queue: [migration] });
    const facts = factsOf(now, migration);
    await store.transition(id, 'reserving', { code: 'decided', text: '' }, 1500, { facts });
    await store.addNotice({ atMs: 1, code: 'policy-loaded', text: 'a', details: [] });
    await store.addNotice({ atMs: 2, code: 'policy-refused', text: 'b', details: ['seed.yaml:1:1: x'] });
    expect((await store.notices(0, 10)).map(({ text }) => text)).toEqual(['a', 'b']);
    expect(await store.notices(1, 10)).toEqual([
      { id: 2, atMs: 2, code: 'policy-refused', text: 'b', details: ['seed.yaml:1:1: x'] },
    ]);
    expect(await store.notices(0, 1)).toHaveLength(1);
    await store.stop();
    const raw = new Database(join(folder, 'drover.db'), { readonly: true });
    expect(JSON.parse(raw.prepare('SELECT facts FROM migration').pluck().get() as string)).toEqual(
      JSON.parse(JSON.stringify(facts)),
    );
    raw.close();
  });

  it('takes over a database of before facts and notices, with what is in it', async () => {
    const file = join(folder, 'drover.db');
    const before = new Store(file);
    await before.start();
    const { id } = await before.add(REQUEST);
    await before.stop();
    const raw = new Database(file);
    raw.exec('ALTER TABLE migration DROP COLUMN facts; DROP TABLE notice; PRAGMA user_version = 0;');
    raw.exec('ALTER TABLE migration DROP COLUMN asked; DROP TABLE audit; DROP TABLE idempotency;');
    raw.exec('CREATE TABLE old AS SELECT migration_id, at_ms, state, reason FROM event; DROP TABLE event;');
    raw.exec('ALTER TABLE old RENAME TO event;');
    raw.close();

    const after = new Store(file);
    await after.start();
    expect((await after.unfinished()).map((each) => each.id)).toEqual([id]);
    expect(await after.notices(0, 10)).toEqual([]);
    expect(await after.events(id)).toMatchObject([{ id: 1, state: 'received', atMs: 1000 }]);
    await after.note(id, { code: 'n', text: 'later' }, 2000);
    expect((await after.events(id)).map((event) => event.id)).toEqual([1, 2]);
    await after.stop();
  });

  it('refuses a database of a newer version and leaves it as it is', async () => {
    const file = join(folder, 'drover.db');
    const raw = new Database(file);
    raw.exec('PRAGMA user_version = 99;');
    raw.close();
    await expect(new Store(file).start()).rejects.toThrow(/version 99, this Drover knows 3: start the newer one/);
    const again = new Database(file, { readonly: true });
    expect(again.pragma('user_version', { simple: true })).toBe(99);
    again.close();
  });
});
