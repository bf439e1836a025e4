import Database from 'better-sqlite3';
import { MigrationState } from '../../plugin/contract.ts';

/** What the plugin's database says of one migration. */
export interface BookedMigration {
  id: number;
  vmUuid: string;
  state: MigrationState;
  reasonCode: string;
  deferred: boolean;
  receivedAtMs: number;
  novaMigrationId: number | null;
  /** The id that its 202 carried, if Drover gave it. */
  requestId: string | null;
  /** States in the order that they were written down. */
  states: MigrationState[];
}

export interface Book {
  /** `ok`, or what SQLite found. */
  integrity: string;
  migrations: BookedMigration[];
}

/** Reads the database of a plugin that has ended. */
export function readBook(file: string): Book {
  const database = new Database(file, { fileMustExist: true });
  try {
    const integrity = database.pragma('integrity_check', { simple: true }) as string;
    const states = new Map<number, MigrationState[]>();
    const events = database.prepare<[], { id: number; state: string }>(
      'SELECT migration_id AS id, state FROM event ORDER BY rowid',
    );
    for (const { id, state } of events.all()) states.set(id, [...(states.get(id) ?? []), MigrationState.parse(state)]);
    const rows = database.prepare<[], Record<string, unknown>>('SELECT * FROM migration ORDER BY id').all();
    const migrations = rows.map((row) => ({
      id: Number(row.id),
      vmUuid: String(row.vm_uuid),
      state: MigrationState.parse(row.state),
      reasonCode: row.state_reason === null ? '' : JSON.parse(String(row.state_reason)).code,
      deferred: row.deferred === 1,
      receivedAtMs: Number(row.received_at_ms),
      novaMigrationId: row.nova_migration_id === null ? null : Number(row.nova_migration_id),
      requestId: JSON.parse(String(row.request)).requestId ?? null,
      states: states.get(Number(row.id)) ?? [],
    }));
    return { integrity, migrations };
  } finally {
    database.close();
  }
}
