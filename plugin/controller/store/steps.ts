import { type Kysely, sql } from 'kysely';
import { type Upgrade, whereMissing } from './columns.ts';
import type { Schema } from './tables.ts';

/** Each takes the database from one version to the next; one that was released is never changed. */
export const STEPS: ((upgrade: Upgrade) => Promise<void>)[] = [firstTables, factsAndNotices, controlTables, leaders];

async function firstTables({ db, types, createTable }: Upgrade): Promise<void> {
  const { integer, word, text } = types;
  await createTable('leadership')
    .addColumn('fence', integer, (column) => column.notNull())
    .execute();
  await createTable('migration')
    .addColumn('id', integer, (column) => column.primaryKey().autoIncrement())
    .addColumn('vm_uuid', word, (column) => column.notNull())
    .addColumn('vm_name', word, (column) => column.notNull())
    .addColumn('project_id', word, (column) => column.notNull())
    .addColumn('user_id', word, (column) => column.notNull())
    .addColumn('source', word, (column) => column.notNull())
    .addColumn('destination', word)
    .addColumn('nova_migration_id', integer)
    .addColumn('nova_migration_uuid', word)
    .addColumn('deferred', integer, (column) => column.notNull())
    .addColumn('state', word, (column) => column.notNull())
    .addColumn('state_reason', text)
    .addColumn('received_at_ms', integer, (column) => column.notNull())
    .addColumn('submitted_at_ms', integer)
    .addColumn('ended_at_ms', integer)
    .addColumn('decision', text)
    .addColumn('outcome', text)
    .addColumn('request', text, (column) => column.notNull())
    .addColumn('server', text, (column) => column.notNull())
    .execute();
  await createTable('event')
    .addColumn('migration_id', integer, (column) => column.notNull().references('migration.id'))
    .addColumn('at_ms', integer, (column) => column.notNull())
    .addColumn('state', word, (column) => column.notNull())
    .addColumn('reason', text, (column) => column.notNull())
    .execute();
  await db.schema.createIndex('migration_state').ifNotExists().on('migration').column('state').execute();
  await db.schema.createIndex('event_migration').ifNotExists().on('event').column('migration_id').execute();
}

async function factsAndNotices({ db, kind, types, createTable }: Upgrade): Promise<void> {
  const { integer, word, text } = types;
  await db.schema
    .alterTable('migration')
    .addColumn('facts', text, (column) => whereMissing(column, kind))
    .execute();
  await createTable('notice')
    .addColumn('id', integer, (column) => column.primaryKey().autoIncrement())
    .addColumn('at_ms', integer, (column) => column.notNull())
    .addColumn('code', word, (column) => column.notNull())
    .addColumn('text', text, (column) => column.notNull())
    .addColumn('details', text, (column) => column.notNull())
    .execute();
}

/** What the control API writes; events get a number, so that a stream of them can be resumed. */
async function controlTables({ db, kind, types, createTable }: Upgrade): Promise<void> {
  const { integer, word, text } = types;
  await db.schema
    .alterTable('migration')
    .addColumn('asked', text, (column) => whereMissing(column, kind))
    .execute();
  if (kind === 'sqlite') await numberEvents(db);
  else await sql`ALTER TABLE event ADD COLUMN IF NOT EXISTS id BIGINT AUTO_INCREMENT PRIMARY KEY`.execute(db);
  await createTable('idempotency')
    .addColumn('client', 'varchar(200)', (column) => column.notNull())
    .addColumn('key', 'varchar(200)', (column) => column.notNull())
    .addColumn('digest', 'varchar(64)', (column) => column.notNull())
    .addColumn('migration_id', integer, (column) => column.notNull().references('migration.id'))
    .addPrimaryKeyConstraint('idempotency_key', ['client', 'key'])
    .execute();
  await createTable('audit')
    .addColumn('id', integer, (column) => column.primaryKey().autoIncrement())
    .addColumn('at_ms', integer, (column) => column.notNull())
    .addColumn('who', word, (column) => column.notNull())
    .addColumn('via', word, (column) => column.notNull())
    .addColumn('action', word, (column) => column.notNull())
    .addColumn('target', text)
    .addColumn('decision', word, (column) => column.notNull())
    .addColumn('request_id', word, (column) => column.notNull())
    .addColumn('details', text, (column) => column.notNull())
    .execute();
}

/** A key of each request that one replica hands to another, and who leads. */
async function leaders({ db, kind, types }: Upgrade): Promise<void> {
  const { integer, word } = types;
  await db.schema
    .alterTable('migration')
    .addColumn('handover', word, (column) => whereMissing(column, kind))
    .execute();
  await db.schema.createIndex('migration_handover').ifNotExists().on('migration').column('handover').execute();
  const adding = db.schema.alterTable('leadership');
  await adding.addColumn('id', integer, (column) => whereMissing(column.notNull().defaultTo(1), kind)).execute();
  await adding.addColumn('replica', word, (column) => whereMissing(column.notNull().defaultTo(''), kind)).execute();
  await adding.addColumn('address', word, (column) => whereMissing(column, kind)).execute();
  await adding
    .addColumn('lapses_at_ms', integer, (column) => whereMissing(column.notNull().defaultTo(0), kind))
    .execute();
  await db.schema.createIndex('leadership_one').ifNotExists().unique().on('leadership').column('id').execute();
  // Whoever takes the lead changes this row: it is there before the first one does.
  await db.insertInto('leadership').ignore().values({ fence: 0 }).execute();
}

/** SQLite cannot add a key to a table that is there. */
async function numberEvents(db: Kysely<Schema>): Promise<void> {
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
}
