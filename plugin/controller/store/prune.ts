import type { Kysely } from 'kysely';
import { isFinal } from './rows.ts';
import type { Schema } from './tables.ts';

/** What is older than these moments (Unix time, ms) is deleted. */
export interface PruneBefore {
  /** So many of the newest migrations stay, however old. */
  newestMigrations: number;
  /** By when they ended; their events and keys go with them. */
  migrationsMs: number;
  /** By when what was asked with them came. */
  keysMs: number;
  auditMs: number;
  noticesMs: number;
}

/** One transaction deletes no more than that of each table: others wait for it, and SQLite's process stands still. */
const BATCH = 200;

/**
 * Deletes one small batch, and says how many rows that were: 0 where nothing is left to delete. It looks at the oldest
 * rows only, so that it costs the same in a large database.
 */
export async function pruneBatch(db: Kysely<Schema>, before: PruneBefore): Promise<number> {
  const pruned = [
    await pruneMigrations(db, before),
    await pruneKeys(db, before.keysMs),
    await pruneByAge(db, 'audit', before.auditMs),
    await pruneByAge(db, 'notice', before.noticesMs),
  ];
  return pruned.reduce((sum, rows) => sum + rows, 0);
}

async function pruneMigrations(
  db: Kysely<Schema>,
  { newestMigrations, migrationsMs: beforeMs }: PruneBefore,
): Promise<number> {
  const spared = await db
    .selectFrom('migration')
    .select('id')
    .orderBy('id', 'desc')
    .offset(newestMigrations - 1)
    .limit(1)
    .executeTakeFirst();
  if (!spared) return 0;
  const oldest = await db
    .selectFrom('migration')
    .select(['id', 'state', 'ended_at_ms'])
    .where('id', '<', spared.id)
    .orderBy('id')
    .limit(BATCH)
    .execute();
  const ids = oldest
    .filter(({ state, ended_at_ms: endedAtMs }) => isFinal(state) && endedAtMs !== null && endedAtMs < beforeMs)
    .map(({ id }) => id);
  if (ids.length === 0) return 0;
  await db.deleteFrom('event').where('migration_id', 'in', ids).execute();
  await db.deleteFrom('idempotency').where('migration_id', 'in', ids).execute();
  await db.deleteFrom('migration').where('id', 'in', ids).execute();
  return ids.length;
}

/** Only of migrations that have ended: a key of one that still waits protects it. */
async function pruneKeys(db: Kysely<Schema>, beforeMs: number): Promise<number> {
  const old = await db
    .selectFrom('idempotency')
    .innerJoin('migration', 'migration.id', 'idempotency.migration_id')
    .select('migration.id as id')
    .distinct()
    .where('migration.received_at_ms', '<', beforeMs)
    .where('migration.ended_at_ms', 'is not', null)
    .limit(BATCH)
    .execute();
  if (old.length === 0) return 0;
  const ids = old.map(({ id }) => id);
  await db.deleteFrom('idempotency').where('migration_id', 'in', ids).execute();
  return ids.length;
}

async function pruneByAge(db: Kysely<Schema>, table: 'audit' | 'notice', beforeMs: number): Promise<number> {
  const oldest = await db.selectFrom(table).select(['id', 'at_ms']).orderBy('id').limit(BATCH).execute();
  const ids = oldest.filter(({ at_ms: atMs }) => atMs < beforeMs).map(({ id }) => id);
  if (ids.length > 0) await db.deleteFrom(table).where('id', 'in', ids).execute();
  return ids.length;
}
