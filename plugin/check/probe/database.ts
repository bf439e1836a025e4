import { Kysely, sql } from 'kysely';
import { describeDatabase } from '../../controller/store/address.ts';
import { type DatabaseConfig, locateDatabase } from '../../controller/store/locate.ts';
import { mariadbDialect } from '../../controller/store/mariadb.ts';
import { describeError } from '../../errors.ts';
import type { DatabaseFacts } from '../judge/local.ts';
import { probeDatabase } from './local.ts';

/** A file, or a MariaDB: whether it lets the plugin in, and whether its tables are there. */
export async function probeAnyDatabase(config: DatabaseConfig): Promise<DatabaseFacts> {
  const address = locateDatabase(config);
  if (address.kind === 'sqlite') return probeDatabase(address.file);
  const name = describeDatabase(address);
  const db = new Kysely<unknown>({ dialect: mariadbDialect(address) });
  try {
    const found = await sql<{ tables: number; version: string }>`SELECT COUNT(*) AS tables, VERSION() AS version
      FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'migration'`.execute(db);
    const { tables = 0, version = '' } = found.rows[0] ?? {};
    return { name, exists: tables === 1, error: null, freeBytes: null, version };
  } catch (error) {
    return { name, exists: false, error: describeError(error), freeBytes: null };
  } finally {
    await db.destroy();
  }
}
