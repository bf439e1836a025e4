import { type Generated, type Kysely, sql } from 'kysely';

/** Which migration an idempotency key stands for. A key is its client's own. */
export interface IdempotencyTable {
  client: string;
  key: string;
  /** SHA-256 of what was asked with it. */
  digest: string;
  migration_id: number;
}

/** Who asked what and what was decided; only ever added to. */
export interface AuditTable {
  id: Generated<number>;
  at_ms: number;
  /** Name of the token, of the Keystone user, or `local`. */
  who: string;
  via: string;
  action: string;
  /** What it was asked of: a server, a migration; null: nothing in particular. */
  target: string | null;
  decision: string;
  request_id: string;
  /** JSON. */
  details: string;
}

/** What the control API writes; events get a number, so that a stream of them can be resumed. */
export async function controlTables<T>(db: Kysely<T>): Promise<void> {
  await db.schema.alterTable('migration').addColumn('asked', 'text').execute();
  await db.schema
    .createTable('event_numbered')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('migration_id', 'integer', (column) => column.notNull().references('migration.id'))
    .addColumn('at_ms', 'integer', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .execute();
  await sql`INSERT INTO event_numbered (migration_id, at_ms, state, reason)
    SELECT migration_id, at_ms, state, reason FROM event ORDER BY rowid`.execute(db);
  await db.schema.dropTable('event').execute();
  await db.schema.alterTable('event_numbered').renameTo('event').execute();
  await db.schema.createIndex('event_migration').on('event').column('migration_id').execute();
  await db.schema
    .createTable('idempotency')
    .addColumn('client', 'varchar(200)', (column) => column.notNull())
    .addColumn('key', 'varchar(200)', (column) => column.notNull())
    .addColumn('digest', 'varchar(64)', (column) => column.notNull())
    .addColumn('migration_id', 'integer', (column) => column.notNull().references('migration.id'))
    .addPrimaryKeyConstraint('idempotency_key', ['client', 'key'])
    .execute();
  await db.schema
    .createTable('audit')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('at_ms', 'integer', (column) => column.notNull())
    .addColumn('who', 'text', (column) => column.notNull())
    .addColumn('via', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('target', 'text')
    .addColumn('decision', 'text', (column) => column.notNull())
    .addColumn('request_id', 'text', (column) => column.notNull())
    .addColumn('details', 'text', (column) => column.notNull())
    .execute();
}
