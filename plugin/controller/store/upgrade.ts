import { type Kysely, sql } from 'kysely';
import type { DatabaseKind } from './address.ts';
import { upgradeOf } from './columns.ts';
import { STEPS } from './steps.ts';
import type { Schema } from './tables.ts';

/**
 * Brings the tables to the newest version. In SQLite a step is one transaction. MariaDB commits at every change of a
 * table: there each step does nothing where it was done before, so that one that was killed in its middle, or that runs
 * in two replicas at once, ends at the same tables. An older replica goes on beside newer tables: a step only adds, and
 * what it adds has a default.
 *
 * @throws Error if the database was written by a newer Drover.
 */
export async function bringUpToDate(db: Kysely<Schema>, kind: DatabaseKind): Promise<void> {
  const version = await versionOf(db, kind);
  if (version > STEPS.length) {
    throw new Error(`its tables are of version ${version}, this Drover knows ${STEPS.length}: start the newer one`);
  }
  for (const [index, step] of STEPS.entries()) {
    if (index < version) continue;
    await db.transaction().execute(async (transaction) => {
      await step(upgradeOf(transaction, kind));
      await writeVersion(transaction, kind, index + 1);
    });
  }
}

/** SQLite has a place for it in the file's header. */
async function versionOf(db: Kysely<Schema>, kind: DatabaseKind): Promise<number> {
  if (kind === 'sqlite') {
    const found = await sql<{ user_version: number }>`PRAGMA user_version`.execute(db);
    return found.rows[0]?.user_version ?? 0;
  }
  await sql`CREATE TABLE IF NOT EXISTS schema_version (version INT NOT NULL PRIMARY KEY)`.execute(db);
  const found = await sql<{ version: number | null }>`SELECT MAX(version) AS version FROM schema_version`.execute(db);
  return found.rows[0]?.version ?? 0;
}

async function writeVersion(db: Kysely<Schema>, kind: DatabaseKind, version: number): Promise<void> {
  if (kind === 'sqlite') await sql`PRAGMA user_version = ${sql.lit(version)}`.execute(db);
  else await sql`INSERT IGNORE INTO schema_version (version) VALUES (${version})`.execute(db);
}
