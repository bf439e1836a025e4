import Database from 'better-sqlite3';
import { type Dialect, SqliteDialect } from 'kysely';

/** What is committed is on disk (`synchronous=FULL`): it survives kill -9 and power loss. */
export function sqliteDialect(file: string): Dialect {
  const database = new Database(file);
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
  } catch (error) {
    database.close();
    throw error;
  }
  return new SqliteDialect({ database });
}
