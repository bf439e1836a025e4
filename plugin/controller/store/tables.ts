import { type Generated, type Kysely, sql } from 'kysely';
import type { MigrationState } from '../../contract.ts';
import { type AuditTable, controlTables, type IdempotencyTable } from './control-tables.ts';

/** A row of `migration`. Nested values are JSON. */
export interface MigrationTable {
  id: Generated<number>;
  vm_uuid: string;
  vm_name: string;
  project_id: string;
  user_id: string;
  source: string;
  destination: string | null;
  nova_migration_id: number | null;
  nova_migration_uuid: string | null;
  deferred: number;
  state: MigrationState;
  state_reason: string | null;
  received_at_ms: number;
  submitted_at_ms: number | null;
  ended_at_ms: number | null;
  decision: string | null;
  outcome: string | null;
  request: string;
  server: string;
  /** DecisionFacts; null until it is decided. */
  facts: string | null;
  /** Asked; null: it came through the compute API. */
  asked: string | null;
}

interface EventTable {
  /** In the order of writing. */
  id: Generated<number>;
  migration_id: number;
  at_ms: number;
  state: MigrationState;
  reason: string;
}

interface LeadershipTable {
  fence: number;
}

/** Kept beside the migrations: what concerns all of them. */
export interface NoticeTable {
  id: Generated<number>;
  at_ms: number;
  code: string;
  text: string;
  details: string;
}

export interface Schema {
  leadership: LeadershipTable;
  migration: MigrationTable;
  event: EventTable;
  notice: NoticeTable;
  idempotency: IdempotencyTable;
  audit: AuditTable;
}

/** Each takes the database from one version to the next; one that was released is never changed. */
const STEPS: ((db: Kysely<Schema>) => Promise<void>)[] = [firstTables, factsAndNotices, controlTables];

/**
 * Brings the tables to the newest version (SQLite's `user_version`), each step in a transaction.
 *
 * @throws Error if the database was written by a newer Drover.
 */
export async function bringUpToDate(db: Kysely<Schema>): Promise<void> {
  const found = await sql<{ user_version: number }>`PRAGMA user_version`.execute(db);
  const version = found.rows[0]?.user_version ?? 0;
  if (version > STEPS.length) {
    throw new Error(`its tables are of version ${version}, this Drover knows ${STEPS.length}: start the newer one`);
  }
  for (const [index, step] of STEPS.entries()) {
    if (index < version) continue;
    await db.transaction().execute(async (transaction) => {
      await step(transaction);
      await sql`PRAGMA user_version = ${sql.lit(index + 1)}`.execute(transaction);
    });
  }
}

async function factsAndNotices(db: Kysely<Schema>): Promise<void> {
  await db.schema.alterTable('migration').addColumn('facts', 'text').execute();
  await db.schema
    .createTable('notice')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('at_ms', 'integer', (column) => column.notNull())
    .addColumn('code', 'text', (column) => column.notNull())
    .addColumn('text', 'text', (column) => column.notNull())
    .addColumn('details', 'text', (column) => column.notNull())
    .execute();
}

async function firstTables(db: Kysely<Schema>): Promise<void> {
  await db.schema
    .createTable('leadership')
    .ifNotExists()
    .addColumn('fence', 'integer', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('migration')
    .ifNotExists()
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('vm_uuid', 'text', (column) => column.notNull())
    .addColumn('vm_name', 'text', (column) => column.notNull())
    .addColumn('project_id', 'text', (column) => column.notNull())
    .addColumn('user_id', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('destination', 'text')
    .addColumn('nova_migration_id', 'integer')
    .addColumn('nova_migration_uuid', 'text')
    .addColumn('deferred', 'integer', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('state_reason', 'text')
    .addColumn('received_at_ms', 'integer', (column) => column.notNull())
    .addColumn('submitted_at_ms', 'integer')
    .addColumn('ended_at_ms', 'integer')
    .addColumn('decision', 'text')
    .addColumn('outcome', 'text')
    .addColumn('request', 'text', (column) => column.notNull())
    .addColumn('server', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('event')
    .ifNotExists()
    .addColumn('migration_id', 'integer', (column) => column.notNull().references('migration.id'))
    .addColumn('at_ms', 'integer', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('migration_state').ifNotExists().on('migration').column('state').execute();
  await db.schema.createIndex('event_migration').ifNotExists().on('event').column('migration_id').execute();
}
