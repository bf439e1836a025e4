import { Kysely, sql } from 'kysely';
import { describeError } from '../errors.ts';
import { ThreadDialect } from './dialect.ts';
import type { Schema } from './tables.ts';

const VERSION = 1;

/**
 * Opens the journal's tables.
 *
 * @throws Error if it cannot be opened, is no database or was written by a newer bot.
 */
export async function openJournal(file: string): Promise<Kysely<Schema>> {
  let db: Kysely<Schema> | null = null;
  try {
    db = new Kysely<Schema>({ dialect: new ThreadDialect(file) });
    await bringUpToDate(db);
    return db;
  } catch (error) {
    await db?.destroy().catch(() => {});
    throw new Error(`database ${file}: ${describeError(error)}`, { cause: error });
  }
}

async function bringUpToDate(db: Kysely<Schema>): Promise<void> {
  const found = await sql<{ user_version: number }>`PRAGMA user_version`.execute(db);
  const version = found.rows[0]?.user_version ?? 0;
  if (version > VERSION) {
    throw new Error(`its tables are of version ${version}, this bot knows ${VERSION}: start the newer one`);
  }
  if (version === VERSION) return;
  await db.transaction().execute(async (transaction) => {
    await createTables(transaction);
    await sql`PRAGMA user_version = ${sql.lit(VERSION)}`.execute(transaction);
  });
}

async function createTables({ schema }: Kysely<Schema>): Promise<void> {
  await schema
    .createTable('delivery')
    .addColumn('identity', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('at_ms', 'integer', (column) => column.notNull())
    .addColumn('done', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createTable('signature')
    .addColumn('signature', 'text', (column) => column.primaryKey())
    .addColumn('at_ms', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createTable('ask')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('asked_by', 'text', (column) => column.notNull())
    .addColumn('asked_at_ms', 'integer', (column) => column.notNull())
    .addColumn('ended_at_ms', 'integer')
    .addColumn('content', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('asked_vm')
    .addColumn('ask_id', 'text', (column) => column.notNull())
    .addColumn('vm_id', 'text', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('migration_id', 'integer')
    .addColumn('content', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('asked_vm_key', ['ask_id', 'vm_id'])
    .execute();
  await schema
    .createTable('happening')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('ask_id', 'text', (column) => column.notNull())
    .addColumn('at_ms', 'integer', (column) => column.notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('told', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createTable('post')
    .addColumn('key', 'text', (column) => column.primaryKey())
    .addColumn('channel', 'text', (column) => column.notNull())
    .addColumn('thread_ts', 'text')
    .addColumn('ts', 'text')
    .addColumn('posting_since_ms', 'integer')
    .addColumn('content', 'text')
    .addColumn('shown', 'text')
    .execute();
  await schema
    .createTable('place')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('place', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('audit')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('at_ms', 'integer', (column) => column.notNull())
    .addColumn('who', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('target', 'text')
    .addColumn('decision', 'text', (column) => column.notNull())
    .addColumn('details', 'text', (column) => column.notNull())
    .execute();
  await schema.createIndex('asked_vm_migration').on('asked_vm').column('migration_id').execute();
  await schema.createIndex('happening_untold').on('happening').columns(['told', 'ask_id']).execute();
  await schema.createIndex('delivery_undone').on('delivery').column('done').execute();
  await schema.createIndex('ask_state').on('ask').column('state').execute();
}
