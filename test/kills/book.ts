import Database from 'better-sqlite3';
import type { Selectable } from 'kysely';
import { MigrationState } from '../../plugin/contract.ts';
import type { DatabaseAddress } from '../../plugin/controller/store/address.ts';
import { openDatabase } from '../../plugin/controller/store/database.ts';
import type { MigrationTable } from '../../plugin/controller/store/tables.ts';

/** What the plugin's database says of one migration. */
export interface BookedMigration {
  id: number;
  vmUuid: string;
  state: MigrationState;
  reasonCode: string;
  deferred: boolean;
  receivedAtMs: number;
  endedAtMs: number | null;
  novaMigrationId: number | null;
  /** The id that its 202 carried, if Drover gave it. */
  requestId: string | null;
  /** Nova's migration to a host that Drover had chosen and Nova did not take. */
  refusedMigrationId?: number | null;
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
    const events = database.prepare<[], BookedEvent>('SELECT migration_id, state FROM event ORDER BY id').all();
    const rows = database.prepare<[], BookRow>('SELECT * FROM migration ORDER BY id').all();
    return { integrity, migrations: bookedMigrations(rows, events) };
  } finally {
    database.close();
  }
}

/** The same of a MariaDB, which replicas may be using. */
export async function readSharedBook(address: DatabaseAddress): Promise<Book> {
  const db = await openDatabase(address);
  try {
    const rows = await db.selectFrom('migration').selectAll().orderBy('id').execute();
    const events = await db.selectFrom('event').select(['migration_id', 'state']).orderBy('id').execute();
    return { integrity: 'ok', migrations: bookedMigrations(rows, events) };
  } finally {
    await db.destroy();
  }
}

type BookRow = Pick<
  Selectable<MigrationTable>,
  | 'id'
  | 'vm_uuid'
  | 'state'
  | 'state_reason'
  | 'deferred'
  | 'received_at_ms'
  | 'ended_at_ms'
  | 'nova_migration_id'
  | 'request'
>;
type BookedEvent = { migration_id: number; state: string };

function bookedMigrations(rows: readonly BookRow[], events: readonly BookedEvent[]): BookedMigration[] {
  const states = Map.groupBy(events, (event) => event.migration_id);
  return rows.map((row) => ({
    id: row.id,
    vmUuid: row.vm_uuid,
    state: MigrationState.parse(row.state),
    reasonCode: row.state_reason === null ? '' : JSON.parse(row.state_reason).code,
    deferred: row.deferred === 1,
    receivedAtMs: row.received_at_ms,
    endedAtMs: row.ended_at_ms,
    novaMigrationId: row.nova_migration_id,
    requestId: JSON.parse(row.request).requestId ?? null,
    refusedMigrationId: JSON.parse(row.request).refused?.novaMigrationId ?? null,
    states: (states.get(row.id) ?? []).map(({ state }) => MigrationState.parse(state)),
  }));
}
