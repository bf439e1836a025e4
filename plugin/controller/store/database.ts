import { Kysely } from 'kysely';
import { DroverError, describeError } from '../../errors.ts';
import { type DatabaseAddress, describeDatabase } from './address.ts';
import { mariadbDialect } from './mariadb.ts';
import { sqliteDialect } from './sqlite.ts';
import type { Schema } from './tables.ts';
import { bringUpToDate } from './upgrade.ts';

/**
 * Opens a database and brings its tables to the newest version.
 *
 * @throws DroverError `store-unavailable` if it cannot be opened, is no database or was written by a newer Drover.
 */
export async function openDatabase(address: DatabaseAddress): Promise<Kysely<Schema>> {
  let db: Kysely<Schema> | null = null;
  try {
    db = new Kysely<Schema>({
      dialect: address.kind === 'sqlite' ? sqliteDialect(address.file) : mariadbDialect(address),
    });
    await bringUpToDate(db, address.kind);
    return db;
  } catch (error) {
    await db?.destroy().catch(() => {});
    throw unavailable(address, error);
  }
}

export function unavailable(address: DatabaseAddress, cause: unknown): DroverError {
  return new DroverError('store-unavailable', `database ${describeDatabase(address)}: ${describeError(cause)}`, {
    cause,
  });
}
