import type { Kysely } from 'kysely';
import type {
  Asked,
  AuditEntry,
  MigrationEvent,
  MigrationState,
  MigrationsQuery,
  Notice,
  Reason,
} from '../../contract.ts';
import { DroverError } from '../../errors.ts';
import type { DatabaseAddress } from './address.ts';
import { addAudit, readAudit } from './audit.ts';
import { openDatabase } from './database.ts';
import { addNote, eventsAfter, eventsOf, newestPosition } from './events.ts';
import { type IdempotencyKey, keep, keptFor } from './idempotency.ts';
import {
  type Candidate,
  giveUpLead,
  holdLead,
  type Leadership,
  readLeadership,
  renewLead,
  takeLead,
} from './leadership.ts';
import { addNotice, readNotices } from './notices.ts';
import { type PruneBefore, pruneBatch } from './prune.ts';
import { type Change, FINAL_STATES, fromRow, type NewMigration, type StoredMigration } from './rows.ts';
import { selectEndedUnseen, selectMigrations } from './select.ts';
import type { Schema } from './tables.ts';
import { transact } from './transact.ts';
import { changeFields, changeState, insert } from './write.ts';

export { type Change, isFinal, type KeptServer, type NewMigration, type StoredMigration } from './rows.ts';

/** Whoever opens a database that only one process works on leads at once. */
const ALONE: Candidate = { replica: '', address: null, leaseMs: 0 };

/**
 * The durable queue and history. Every write is one transaction that is on disk when the call returns, so a transition
 * that was written survives kill -9 and power loss. What the queue is made of is written by the leader alone: a write of
 * one that leads no more is refused, whatever it was doing in between.
 */
export class Store {
  /** Fencing number of this process' leadership over the queue; 0: it does not lead. */
  fence = 0;
  readonly #address: DatabaseAddress;
  #db: Kysely<Schema> | null = null;

  /** A text is the file of an SQLite database. */
  constructor(database: string | DatabaseAddress) {
    this.#address = typeof database === 'string' ? { kind: 'sqlite', file: database } : database;
  }

  /** Several replicas may work on it. */
  get shared(): boolean {
    return this.#address.kind === 'mariadb';
  }

  /** @throws DroverError `store-unavailable` if it cannot be opened or is no database. */
  async start(): Promise<void> {
    this.#db = await openDatabase(this.#address);
    if (!this.shared) this.fence = (await this.takeLead(ALONE)) ?? 0;
  }

  async stop(): Promise<void> {
    await this.#db?.destroy();
    this.#db = null;
  }

  /** Adds a migration that came through the compute API, in state `received`, and returns it with its id. */
  async add(migration: NewMigration): Promise<StoredMigration> {
    const reason: Reason = { code: 'received', text: 'asked for through the compute API' };
    return this.#write((transaction) =>
      insert(transaction, migration, { state: 'received', deferred: 0, asked: null }, reason),
    );
  }

  /**
   * Adds a migration that was asked for through the control API, at once in state `queued`: whoever asked is told that
   * it is taken. With a key of the same client that was seen before, that one's migration is returned and none added.
   *
   * @throws DroverError `idempotency-key-reused` if something else was asked with the key.
   */
  async addAsked(
    migration: NewMigration,
    asked: Asked,
    key: IdempotencyKey | null,
  ): Promise<{ record: StoredMigration; added: boolean }> {
    const reason: Reason = { code: 'asked', text: 'asked for through the control API' };
    return this.#write(async (transaction) => {
      const before = key && (await keptFor(transaction, key));
      if (before !== null) return { record: fromRow(before), added: false };
      const record = await insert(
        transaction,
        migration,
        { state: 'queued', deferred: 1, asked: JSON.stringify(asked) },
        reason,
      );
      if (key) await keep(transaction, key, record.id);
      return { record, added: true };
    });
  }

  /** The migration that this key stands for, null if it is new. @throws DroverError `idempotency-key-reused`. */
  async withKey(key: IdempotencyKey): Promise<StoredMigration | null> {
    const row = await keptFor(this.#open(), key);
    return row && fromRow(row);
  }

  /** Writes a state with its reason, an event, and the changed fields, in one transaction; returns the new record. */
  async transition(
    id: number,
    state: MigrationState,
    reason: Reason,
    nowMs: number,
    change: Change = {},
  ): Promise<StoredMigration> {
    return this.#write((transaction) => changeState(transaction, id, state, reason, nowMs, change));
  }

  /** Writes an event in the state that the migration is in. */
  async note(id: number, reason: Reason, nowMs: number): Promise<void> {
    await this.#write((transaction) => addNote(transaction, id, reason, nowMs));
  }

  /** Changes fields without a transition. */
  async update(id: number, change: Change): Promise<StoredMigration> {
    return this.#write((transaction) => changeFields(transaction, id, change));
  }

  /** All that are not in a final state, oldest first. */
  async unfinished(): Promise<StoredMigration[]> {
    const rows = await this.#open()
      .selectFrom('migration')
      .selectAll()
      .where('state', 'not in', FINAL_STATES)
      .orderBy('id')
      .execute();
    return rows.map(fromRow);
  }

  /** The newest `limit` migrations, newest first. */
  async newest(limit: number): Promise<StoredMigration[]> {
    const rows = await this.#open().selectFrom('migration').selectAll().orderBy('id', 'desc').limit(limit).execute();
    return rows.map(fromRow);
  }

  /** Those that were accepted, never became Nova's, and ended at or after `sinceMs`, newest first. */
  async endedUnseen(sinceMs: number, limit: number): Promise<StoredMigration[]> {
    return (await selectEndedUnseen(this.#open(), sinceMs, limit)).map(fromRow);
  }

  /** Those that the query means, newest first. */
  async list(query: MigrationsQuery): Promise<StoredMigration[]> {
    return (await selectMigrations(this.#open(), query)).map(fromRow);
  }

  /** Writes, to no effect. @throws whatever keeps the store from being written: a full disk, a lost database. */
  async probe(): Promise<void> {
    await this.#open()
      .updateTable('leadership')
      .set((columns) => ({ fence: columns.ref('fence') }))
      .execute();
  }

  async get(id: number): Promise<StoredMigration | null> {
    const row = await this.#open().selectFrom('migration').selectAll().where('id', '=', id).executeTakeFirst();
    return row ? fromRow(row) : null;
  }

  /** The newest that came with this request of another replica, null if there is none. */
  async handedOver(handover: string): Promise<StoredMigration | null> {
    const row = await this.#open()
      .selectFrom('migration')
      .selectAll()
      .where('handover', '=', handover)
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row ? fromRow(row) : null;
  }

  /** In the order they were written. */
  async events(id: number): Promise<MigrationEvent[]> {
    return eventsOf(this.#open(), id);
  }

  /** At most `limit` events of all migrations with a number above `after`, lowest first. */
  async eventsAfter(after: number, limit: number): Promise<MigrationEvent[]> {
    return eventsAfter(this.#open(), after, limit);
  }

  /** The highest numbers of events and notices, 0 where there are none. */
  async newestPosition(): Promise<{ event: number; notice: number }> {
    return newestPosition(this.#open());
  }

  /** Writes what concerns no single migration. */
  async addNotice(notice: Omit<Notice, 'id'>): Promise<void> {
    await addNotice(this.#open(), notice);
  }

  /** At most `limit` notices with an id above `after`, oldest first. */
  async notices(after: number, limit: number): Promise<Notice[]> {
    return readNotices(this.#open(), after, limit);
  }

  async addAudit(entry: Omit<AuditEntry, 'id'>): Promise<void> {
    await addAudit(this.#open(), entry);
  }

  /** At most `limit` entries with an id below `before`, newest first. */
  async audit(before: number | null, limit: number): Promise<AuditEntry[]> {
    return readAudit(this.#open(), before, limit);
  }

  /** Deletes one small batch of what is older; the number of rows, 0 where nothing is left. */
  prune(before: PruneBefore): Promise<number> {
    return this.#write((transaction) => pruneBatch(transaction, before));
  }

  // ---- who leads

  /** Takes the lead if nobody has it: the number of the leadership, which `fence` is to be set to; null: another leads. */
  takeLead(candidate: Candidate): Promise<number | null> {
    return takeLead(this.#open(), this.#address.kind, candidate);
  }

  /** False: another one has taken it. */
  renewLead(fence: number, leaseMs: number): Promise<boolean> {
    return renewLead(this.#open(), this.#address.kind, fence, leaseMs);
  }

  giveUpLead(fence: number): Promise<void> {
    return giveUpLead(this.#open(), fence);
  }

  leadership(): Promise<Leadership> {
    return readLeadership(this.#open(), this.#address.kind);
  }

  /** One transaction of the leader. @throws DroverError `not-leader`. */
  #write<T>(work: (transaction: Kysely<Schema>) => Promise<T>): Promise<T> {
    const { fence } = this;
    if (fence === 0) throw new DroverError('not-leader', 'this replica does not lead: it writes nothing');
    return transact(this.#open(), async (transaction) => {
      await holdLead(transaction, this.#address.kind, fence);
      return work(transaction);
    });
  }

  #open(): Kysely<Schema> {
    if (!this.#db) throw new DroverError('store-unavailable', 'the database is not open');
    return this.#db;
  }
}
