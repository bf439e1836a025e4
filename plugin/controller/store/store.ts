import Database from 'better-sqlite3';
import { Kysely, type Selectable, SqliteDialect, sql, type Updateable } from 'kysely';
import {
  Asked,
  type AuditEntry,
  Decision,
  type MigrationEvent,
  type MigrationRecord,
  type MigrationState,
  Notice,
  Outcome,
  Reason,
} from '../../contract.ts';
import { DroverError, describeError } from '../../errors.ts';
import type { KeptRequest } from '../../nova/control.ts';
import type { DecisionFacts } from '../plan/facts.ts';
import { addAudit, readAudit } from './audit.ts';
import { type IdempotencyKey, keep, keptFor } from './idempotency.ts';
import { bringUpToDate, type MigrationTable, type Schema } from './tables.ts';

/** What plan and tracker need to know of the server itself, as it was when the request came. */
export interface KeptServer {
  name: string;
  projectId: string;
  flavorName: string;
  memoryBytes: number;
  metadata: Record<string, string>;
  /** These three are absent in records of before they were kept. */
  imageId?: string | null | undefined;
  availabilityZone?: string | null | undefined;
  requesterRoles?: string[] | undefined;
}

/** A migration with what only the controller needs. */
export interface StoredMigration extends MigrationRecord {
  request: KeptRequest;
  server: KeptServer;
}

/** A migration that is not in the store yet. */
export type NewMigration = Pick<
  StoredMigration,
  'vmUuid' | 'userId' | 'source' | 'destination' | 'receivedAtMs' | 'request' | 'server'
>;

const FINAL_STATES: MigrationState[] = ['completed', 'failed', 'aborted'];

export function isFinal(state: MigrationState): boolean {
  return FINAL_STATES.includes(state);
}

/** Fields that a transition may set beside the state. */
export type Change = Partial<
  Pick<
    MigrationRecord,
    | 'destination'
    | 'novaMigrationId'
    | 'novaMigrationUuid'
    | 'deferred'
    | 'submittedAtMs'
    | 'endedAtMs'
    | 'decision'
    | 'outcome'
    | 'asked'
  >
> & { facts?: DecisionFacts };

/**
 * The durable queue and history. Every write is one transaction that is on disk (`synchronous=FULL`) when the call
 * returns, so a transition that was written survives kill -9 and power loss.
 */
export class Store {
  /** Fencing number of this process' leadership over the queue; 0 before `start`. */
  fence = 0;
  readonly #file: string;
  #db: Kysely<Schema> | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  /** @throws DroverError `store-unavailable` if the file cannot be opened or is no database. */
  async start(): Promise<void> {
    try {
      const sqlite = new Database(this.#file);
      sqlite.pragma('journal_mode = WAL');
      sqlite.pragma('synchronous = FULL');
      this.#db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: sqlite }) });
      await bringUpToDate(this.#db);
      this.fence = await takeLeadership(this.#db);
    } catch (error) {
      throw new DroverError('store-unavailable', `database ${this.#file}: ${describeError(error)}`, { cause: error });
    }
  }

  async stop(): Promise<void> {
    await this.#db?.destroy();
    this.#db = null;
  }

  /** Adds a migration that came through the compute API, in state `received`, and returns it with its id. */
  async add(migration: NewMigration): Promise<StoredMigration> {
    const reason: Reason = { code: 'received', text: 'asked for through the compute API' };
    return this.#open()
      .transaction()
      .execute((transaction) =>
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
    return this.#open()
      .transaction()
      .execute(async (transaction) => {
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
    return this.#open()
      .transaction()
      .execute(async (transaction) => {
        const row = await transaction
          .updateTable('migration')
          .set({
            ...toColumns(change),
            state,
            state_reason: JSON.stringify(reason),
            ...(isFinal(state) ? { ended_at_ms: nowMs } : {}),
          })
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirstOrThrow();
        await transaction
          .insertInto('event')
          .values({ migration_id: id, at_ms: nowMs, state, reason: JSON.stringify(reason) })
          .execute();
        return fromRow(row);
      });
  }

  /** Writes an event in the state that the migration is in. */
  async note(id: number, reason: Reason, nowMs: number): Promise<void> {
    await this.#open()
      .insertInto('event')
      .columns(['migration_id', 'at_ms', 'state', 'reason'])
      .expression((from) =>
        from
          .selectFrom('migration')
          .where('id', '=', id)
          .select(['id', sql.lit(nowMs).as('at_ms'), 'state', sql<string>`${JSON.stringify(reason)}`.as('reason')]),
      )
      .execute();
  }

  /** Changes fields without a transition. */
  async update(id: number, change: Change): Promise<StoredMigration> {
    const row = await this.#open()
      .updateTable('migration')
      .set(toColumns(change))
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
    return fromRow(row);
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

  async get(id: number): Promise<StoredMigration | null> {
    const row = await this.#open().selectFrom('migration').selectAll().where('id', '=', id).executeTakeFirst();
    return row ? fromRow(row) : null;
  }

  async events(id: number): Promise<MigrationEvent[]> {
    const rows = await this.#open()
      .selectFrom('event')
      .selectAll()
      .where('migration_id', '=', id)
      .orderBy('id')
      .execute();
    return rows.map((row) => ({
      id: row.id,
      migrationId: row.migration_id,
      atMs: row.at_ms,
      state: row.state,
      reason: Reason.parse(JSON.parse(row.reason)),
    }));
  }

  /** Writes what concerns no single migration. */
  async addNotice({ atMs, code, text, details }: Omit<Notice, 'id'>): Promise<void> {
    const values = { at_ms: atMs, code, text, details: JSON.stringify(details) };
    await this.#open().insertInto('notice').values(values).execute();
  }

  /** At most `limit` notices with an id above `after`, oldest first. */
  async notices(after: number, limit: number): Promise<Notice[]> {
    const rows = await this.#open()
      .selectFrom('notice')
      .selectAll()
      .where('id', '>', after)
      .orderBy('id')
      .limit(limit)
      .execute();
    return rows.map(({ at_ms, details, ...row }) =>
      Notice.parse({ ...row, atMs: at_ms, details: JSON.parse(details) }),
    );
  }

  async addAudit(entry: Omit<AuditEntry, 'id'>): Promise<void> {
    await addAudit(this.#open(), entry);
  }

  /** At most `limit` entries with an id below `before`, newest first. */
  async audit(before: number | null, limit: number): Promise<AuditEntry[]> {
    return readAudit(this.#open(), before, limit);
  }

  #open(): Kysely<Schema> {
    if (!this.#db) throw new DroverError('store-unavailable', 'the database is not open');
    return this.#db;
  }
}

async function insert(
  transaction: Kysely<Schema>,
  migration: NewMigration,
  how: Pick<Selectable<MigrationTable>, 'state' | 'deferred' | 'asked'>,
  reason: Reason,
): Promise<StoredMigration> {
  const { server, receivedAtMs } = migration;
  const row = await transaction
    .insertInto('migration')
    .values({
      ...how,
      vm_uuid: migration.vmUuid,
      vm_name: server.name,
      project_id: server.projectId,
      user_id: migration.userId,
      source: migration.source,
      destination: migration.destination,
      state_reason: JSON.stringify(reason),
      received_at_ms: receivedAtMs,
      request: JSON.stringify(migration.request),
      server: JSON.stringify(server),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  const event = { migration_id: row.id, at_ms: receivedAtMs, state: how.state, reason: JSON.stringify(reason) };
  await transaction.insertInto('event').values(event).execute();
  return fromRow(row);
}

/**
 * The number of a new leadership: above every earlier one of this database, and above those of one that was lost, for it
 * is never less than the time (Unix, ms).
 */
async function takeLeadership(db: Kysely<Schema>): Promise<number> {
  return db.transaction().execute(async (transaction) => {
    const before = await transaction.selectFrom('leadership').select('fence').executeTakeFirst();
    const fence = Math.max(Date.now(), (before?.fence ?? 0) + 1);
    await transaction.deleteFrom('leadership').execute();
    await transaction.insertInto('leadership').values({ fence }).execute();
    return fence;
  });
}

function toColumns(change: Change): Updateable<MigrationTable> {
  const columns: Updateable<MigrationTable> = {};
  if (change.destination !== undefined) columns.destination = change.destination;
  if (change.novaMigrationId !== undefined) columns.nova_migration_id = change.novaMigrationId;
  if (change.novaMigrationUuid !== undefined) columns.nova_migration_uuid = change.novaMigrationUuid;
  if (change.deferred !== undefined) columns.deferred = change.deferred ? 1 : 0;
  if (change.submittedAtMs !== undefined) columns.submitted_at_ms = change.submittedAtMs;
  if (change.endedAtMs !== undefined) columns.ended_at_ms = change.endedAtMs;
  if (change.decision !== undefined) columns.decision = JSON.stringify(change.decision);
  if (change.facts !== undefined) columns.facts = JSON.stringify(change.facts);
  if (change.outcome !== undefined) columns.outcome = JSON.stringify(change.outcome);
  if (change.asked !== undefined) columns.asked = JSON.stringify(change.asked);
  return columns;
}

function fromRow(row: Selectable<MigrationTable>): StoredMigration {
  const json = (text: string | null): unknown => (text === null ? null : JSON.parse(text));
  return {
    id: row.id,
    vmUuid: row.vm_uuid,
    vmName: row.vm_name,
    projectId: row.project_id,
    userId: row.user_id,
    source: row.source,
    destination: row.destination,
    novaMigrationId: row.nova_migration_id,
    novaMigrationUuid: row.nova_migration_uuid,
    deferred: row.deferred === 1,
    state: row.state,
    stateReason: Reason.nullable().parse(json(row.state_reason)),
    receivedAtMs: row.received_at_ms,
    submittedAtMs: row.submitted_at_ms,
    endedAtMs: row.ended_at_ms,
    decision: Decision.nullable().parse(json(row.decision)),
    progress: null,
    outcome: Outcome.nullable().parse(json(row.outcome)),
    asked: Asked.nullable().parse(json(row.asked)),
    request: json(row.request) as KeptRequest,
    server: json(row.server) as KeptServer,
  };
}
