import Database from 'better-sqlite3';
import { Kysely, type Selectable, sql } from 'kysely';
import { Decision, MigrationState, Outcome } from '../../contract.ts';
import type { DecisionFacts } from '../plan/facts.ts';
import type { DatabaseAddress, MariadbAddress } from './address.ts';
import { unavailable } from './database.ts';
import { readFacts } from './facts.ts';
import { mariadbDialect } from './mariadb.ts';
import type { MigrationTable, Schema } from './tables.ts';

/** One recorded decision. */
export interface RecordedDecision {
  id: number;
  vmName: string;
  source: string;
  destination: string | null;
  decision: Decision;
  /** Null in records of before facts were kept. */
  facts: DecisionFacts | null;
  outcome: Outcome | null;
  state: MigrationState;
  /** Unix time, ms; null: not over yet. */
  endedAtMs: number | null;
}

type Row = Pick<
  Selectable<MigrationTable>,
  'id' | 'vm_name' | 'source' | 'destination' | 'decision' | 'facts' | 'outcome' | 'state' | 'ended_at_ms'
>;

const COLUMNS = ['id', 'vm_name', 'source', 'destination', 'decision', 'outcome', 'state', 'ended_at_ms'] as const;
/** So many rows come within the time that mariadb.ts gives a statement. */
const ROWS_AT_ONCE = 200;
const NO_TABLE = 'it has no table of migrations that may be read: is it the database of a plugin?';

/**
 * Reads every decision that a plugin's database holds, oldest first, without changing it; the plugin may be running. In
 * MariaDB the right to SELECT is enough.
 *
 * @throws DroverError `store-unavailable` if there is no such database.
 */
export async function readHistory(address: DatabaseAddress): Promise<RecordedDecision[]> {
  try {
    const rows = address.kind === 'sqlite' ? rowsOfFile(address.file) : await rowsOfServer(address);
    return rows.map(fromRow);
  } catch (error) {
    throw unavailable(address, error);
  }
}

function rowsOfFile(file: string): Row[] {
  const database = new Database(file, { readonly: true, fileMustExist: true });
  try {
    const columns = database.prepare("SELECT name FROM pragma_table_info('migration')").pluck().all();
    if (columns.length === 0) throw new Error(NO_TABLE);
    const facts = columns.includes('facts') ? 'facts' : 'NULL AS facts';
    return database
      .prepare<[], Row>(`SELECT ${COLUMNS.join(', ')}, ${facts} FROM migration WHERE decision IS NOT NULL ORDER BY id`)
      .all();
  } finally {
    database.close();
  }
}

async function rowsOfServer(address: MariadbAddress): Promise<Row[]> {
  const pool = new Kysely<Schema>({ dialect: mariadbDialect(address) });
  try {
    return await pool.connection().execute(async (db) => {
      // Whatever this account may do otherwise.
      await sql`SET SESSION TRANSACTION READ ONLY`.execute(db);
      const columns = await sql<{ name: string }>`SELECT column_name AS name FROM information_schema.columns
        WHERE table_schema = DATABASE() AND table_name = 'migration'`.execute(db);
      if (columns.rows.length === 0) throw new Error(NO_TABLE);
      const facts = columns.rows.some(({ name }) => name === 'facts')
        ? sql<string | null>`facts`
        : sql<string | null>`NULL`;
      const rows: Row[] = [];
      for (;;) {
        const page = await db
          .selectFrom('migration')
          .select([...COLUMNS, facts.as('facts')])
          .where('decision', 'is not', null)
          .where('id', '>', rows.at(-1)?.id ?? 0)
          .orderBy('id')
          .limit(ROWS_AT_ONCE)
          .execute();
        rows.push(...page);
        if (page.length < ROWS_AT_ONCE) return rows;
      }
    });
  } finally {
    await pool.destroy();
  }
}

function fromRow(row: Row): RecordedDecision {
  return {
    id: row.id,
    vmName: row.vm_name,
    source: row.source,
    destination: row.destination,
    decision: Decision.parse(JSON.parse(row.decision ?? 'null')),
    facts: row.facts === null ? null : readFacts(row.facts),
    outcome: row.outcome === null ? null : Outcome.parse(JSON.parse(row.outcome)),
    state: MigrationState.parse(row.state),
    endedAtMs: row.ended_at_ms,
  };
}
