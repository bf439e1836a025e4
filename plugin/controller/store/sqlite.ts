import { type Dialect, SqliteDialect } from 'kysely';
import { SqliteConnection } from './connection.ts';

export function sqliteDialect(file: string): Dialect {
  return new SqliteDialect({ database: new SqliteConnection(file) });
}
