import { type Kysely, sql } from 'kysely';
import { type Ask, AskedVm } from '../asks/ask.ts';
import type { Line } from '../asks/lines.ts';
import { openJournal } from './database.ts';
import { Flush } from './flush.ts';
import { type Post, Posts } from './posts.ts';
import type { Schema } from './tables.ts';

/** Something that Slack brought. */
export interface Delivery {
  /** The same for the same thing said again. */
  identity: string;
  kind: string;
  content: unknown;
  atMs: number;
}

export interface AuditLine {
  atMs: number;
  /** Slack user, or `bot`. */
  who: string;
  action: string;
  target: string | null;
  decision: string;
  details: Record<string, unknown>;
}

/** What is written together with an ask. */
export interface Along {
  /** The delivery that brought it about: with it nothing is left to do for it. */
  delivery?: string | undefined;
  /** For the thread. */
  lines?: Line[];
}

const KEPT_MS = 30 * 24 * 3600 * 1000;
const SIGNATURES_KEPT_MS = 15 * 60_000;

/**
 * What must survive: an SQLite database, in a thread of its own.
 *
 * | survives   | when                             | what waits for it                                               |
 * |------------|----------------------------------|-----------------------------------------------------------------|
 * | kill -9    | the method resolves              | the acknowledgement: Slack brings no more what it has one for   |
 * | power loss | `flushed`, called after, resolves | what others see of it: a migration that is asked for, a message |
 *
 * The first takes no fsync (`synchronous = NORMAL` with a write-ahead log: what is committed is the kernel's). The second is
 * an fdatasync of that log, which a slow disk may take seconds for. What power loss takes away was acknowledged less than
 * one such wait ago, nobody has seen anything of it and nothing was moved for it: its asker asks again. Now and then a
 * commit waits for the disk all the same, when SQLite moves the log into the database (each 1,000 pages): as that is
 * another thread, only the journal waits, and Slack is answered after 2 s that it takes long (`listen/inbox.ts`).
 *
 * 2,000 deliveries on a busy machine with a fast disk: 0.27 ms each (median), `flushed` 1.4 ms; with an fsync at each commit,
 * in the bot's own thread, 1.7 ms, in which it did nothing else. test/host/bot/disk.test.ts lets the disk hang.
 */
export class Journal {
  readonly posts: Posts;
  readonly #db: Kysely<Schema>;
  readonly #flush: Flush;
  /** Of requests that were taken, with their times: who asks for one must not wait for the disk. */
  readonly #signatures: Map<string, number>;

  private constructor(db: Kysely<Schema>, file: string, signatures: Map<string, number>) {
    this.#db = db;
    this.#flush = new Flush(`${file}-wal`);
    this.#signatures = signatures;
    this.posts = new Posts(db);
  }

  static async open(file: string): Promise<Journal> {
    const db = await openJournal(file);
    const known = await db.selectFrom('signature').selectAll().execute();
    return new Journal(db, file, new Map(known.map(({ signature, at_ms }) => [signature, at_ms])));
  }

  async close(): Promise<void> {
    await this.#flush.close();
    await this.#db.destroy();
  }

  /** Resolves when what was written before survives power loss, too. @throws Error of the disk */
  flushed(): Promise<void> {
    return this.#flush.flushed();
  }

  // ---- what Slack brought

  /** False: it was brought before, or these very bytes were. */
  async hear(delivery: Delivery, signature: string | null): Promise<boolean> {
    const { identity, kind, content, atMs } = delivery;
    const isNew = await this.#db.transaction().execute(async (db) => {
      if (signature !== null) {
        await db
          .insertInto('signature')
          .values({ signature, at_ms: atMs })
          .onConflict((on) => on.doNothing())
          .execute();
      }
      const added = await db
        .insertInto('delivery')
        .values({ identity, kind, content: JSON.stringify(content), at_ms: atMs, done: 0 })
        .onConflict((on) => on.doNothing())
        .executeTakeFirst();
      return Number(added.numInsertedOrUpdatedRows ?? 0) === 1;
    });
    if (signature !== null) this.#signatures.set(signature, atMs);
    return isNew;
  }

  /** Whether a request with that signature was taken. */
  wasSigned(signature: string): boolean {
    return this.#signatures.has(signature);
  }

  async signed(signature: string, atMs: number): Promise<void> {
    this.#signatures.set(signature, atMs);
    await this.#db
      .insertInto('signature')
      .values({ signature, at_ms: atMs })
      .onConflict((on) => on.doNothing())
      .execute();
  }

  async undone(): Promise<Delivery[]> {
    const rows = await this.#db.selectFrom('delivery').selectAll().where('done', '=', 0).orderBy('at_ms').execute();
    return rows.map(({ identity, kind, content, at_ms }) => ({
      identity,
      kind,
      content: JSON.parse(content),
      atMs: at_ms,
    }));
  }

  async done(identity: string): Promise<void> {
    await markDone(this.#db, identity);
  }

  // ---- asks

  /** Those that have not ended, and those that ended but whose message may not say so yet. */
  async openAsks(endedSinceMs: number): Promise<Ask[]> {
    const rows = await this.#db
      .selectFrom('ask')
      .selectAll()
      .where((where) => where.or([where('ended_at_ms', 'is', null), where('ended_at_ms', '>', endedSinceMs)]))
      .orderBy('asked_at_ms')
      .execute();
    return Promise.all(rows.map((row) => this.#read(row.content, row.id)));
  }

  async ask(id: string): Promise<Ask | null> {
    const row = await this.#db.selectFrom('ask').selectAll().where('id', '=', id).executeTakeFirst();
    return row ? this.#read(row.content, row.id) : null;
  }

  /** The newest, newest first. */
  async newestAsks(limit: number): Promise<Ask[]> {
    const rows = await this.#db.selectFrom('ask').selectAll().orderBy('asked_at_ms', 'desc').limit(limit).execute();
    return Promise.all(rows.map((row) => this.#read(row.content, row.id)));
  }

  /** @param before null: it is new. */
  async keep(before: Ask | null, ask: Ask, { delivery, lines = [] }: Along = {}): Promise<void> {
    const { vms, ...rest } = ask;
    const nowMs = Date.now();
    await this.#db.transaction().execute(async (db) => {
      const row = { state: ask.state, ended_at_ms: ask.endedAtMs, content: JSON.stringify(rest) };
      if (before === null) {
        await db
          .insertInto('ask')
          .values({ id: ask.id, asked_by: ask.askedBy, asked_at_ms: ask.askedAtMs, ...row })
          .execute();
      } else await db.updateTable('ask').set(row).where('id', '=', ask.id).execute();
      for (const [position, vm] of vms.entries()) {
        if (before?.vms[position] === vm) continue;
        const { progress: _, ...kept } = vm;
        const values = { position, migration_id: vm.migration?.id ?? null, content: JSON.stringify(kept) };
        await db
          .insertInto('asked_vm')
          .values({ ask_id: ask.id, vm_id: vm.id, ...values })
          .onConflict((on) => on.columns(['ask_id', 'vm_id']).doUpdateSet(values))
          .execute();
      }
      for (const line of lines) {
        const row = { ask_id: ask.id, at_ms: nowMs, content: JSON.stringify(line), told: 0 };
        await db.insertInto('happening').values(row).execute();
      }
      if (delivery !== undefined) await markDone(db, delivery);
    });
  }

  async #read(content: string, id: string): Promise<Ask> {
    const rows = await this.#db
      .selectFrom('asked_vm')
      .select('content')
      .where('ask_id', '=', id)
      .orderBy('position')
      .execute();
    // Written by this bot or an older one: a server's shape is checked, as it holds the plugin's own.
    const vms = rows.map((row) => ({ ...AskedVm.parse(JSON.parse(row.content)), progress: null }));
    return { ...JSON.parse(content), vms } as Ask;
  }

  // ---- the control API's events

  async place(): Promise<string | null> {
    const row = await this.#db.selectFrom('place').select('place').executeTakeFirst();
    return row?.place ?? null;
  }

  async setPlace(place: string, posts: Post[] = []): Promise<void> {
    await this.#db.transaction().execute(async (db) => {
      await db
        .insertInto('place')
        .values({ id: 1, place })
        .onConflict((on) => on.column('id').doUpdateSet({ place }))
        .execute();
      for (const post of posts)
        await db
          .insertInto('post')
          .values(post)
          .onConflict((on) => on.doNothing())
          .execute();
    });
  }

  // ---- the audit

  async audit({ atMs, details, ...rest }: AuditLine): Promise<void> {
    await this.#db
      .insertInto('audit')
      .values({ ...rest, at_ms: atMs, details: JSON.stringify(details) })
      .execute();
  }

  async auditLines(limit: number): Promise<AuditLine[]> {
    const rows = await this.#db.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(limit).execute();
    return rows.map(({ at_ms, details, id: _, ...rest }) => ({ ...rest, atMs: at_ms, details: JSON.parse(details) }));
  }

  /** Forgets what nobody asks for any more. */
  async tidy(nowMs: number): Promise<void> {
    const before = nowMs - KEPT_MS;
    for (const [signature, atMs] of this.#signatures) {
      if (atMs < nowMs - SIGNATURES_KEPT_MS) this.#signatures.delete(signature);
    }
    await this.#db.transaction().execute(async (db) => {
      await db
        .deleteFrom('signature')
        .where('at_ms', '<', nowMs - SIGNATURES_KEPT_MS)
        .execute();
      await db.deleteFrom('delivery').where('done', '=', 1).where('at_ms', '<', before).execute();
      await db.deleteFrom('happening').where('told', '=', 1).where('at_ms', '<', before).execute();
      const old = db.selectFrom('ask').select('id').where('ended_at_ms', '<', before);
      await db.deleteFrom('asked_vm').where('ask_id', 'in', old).execute();
      await db.deleteFrom('post').where(sql<string>`substr(key, 5)`, 'in', old).execute();
      await db.deleteFrom('ask').where('ended_at_ms', '<', before).execute();
    });
  }
}

async function markDone(db: Kysely<Schema>, identity: string): Promise<void> {
  await db.updateTable('delivery').set({ done: 1 }).where('identity', '=', identity).execute();
}
