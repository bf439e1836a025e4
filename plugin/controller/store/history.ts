import Database from 'better-sqlite3';
import { Decision, MigrationState, Outcome } from '../../contract.ts';
import { DroverError, describeError } from '../../errors.ts';
import { DecisionFacts } from '../plan/facts.ts';

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

interface Row {
  id: number;
  vm_name: string;
  source: string;
  destination: string | null;
  decision: string;
  facts: string | null;
  outcome: string | null;
  state: string;
  ended_at_ms: number | null;
}

/**
 * Reads every decision that a plugin's database holds, oldest first, without changing it; the plugin may be running.
 *
 * @throws DroverError `store-unavailable` if the file is no such database.
 */
export function readHistory(file: string): RecordedDecision[] {
  try {
    const database = new Database(file, { readonly: true, fileMustExist: true });
    try {
      const columns = database.prepare("SELECT name FROM pragma_table_info('migration')").pluck().all();
      if (columns.length === 0) throw new Error('it has no table of migrations: is it the database of a plugin?');
      const facts = columns.includes('facts') ? 'facts' : 'NULL AS facts';
      const rows = database
        .prepare<[], Row>(
          `SELECT id, vm_name, source, destination, decision, ${facts}, outcome, state, ended_at_ms FROM migration WHERE decision IS NOT NULL ORDER BY id`,
        )
        .all();
      return rows.map(fromRow);
    } finally {
      database.close();
    }
  } catch (error) {
    throw new DroverError('store-unavailable', `database ${file}: ${describeError(error)}`, { cause: error });
  }
}

function fromRow(row: Row): RecordedDecision {
  return {
    id: row.id,
    vmName: row.vm_name,
    source: row.source,
    destination: row.destination,
    decision: Decision.parse(JSON.parse(row.decision)),
    facts: row.facts === null ? null : DecisionFacts.parse(JSON.parse(row.facts)),
    outcome: row.outcome === null ? null : Outcome.parse(JSON.parse(row.outcome)),
    state: MigrationState.parse(row.state),
    endedAtMs: row.ended_at_ms,
  };
}
