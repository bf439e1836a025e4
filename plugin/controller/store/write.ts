import type { Kysely, Selectable } from 'kysely';
import type { MigrationState, Reason } from '../../contract.ts';
import { addEvent } from './events.ts';
import { type Change, fromRow, isFinal, type NewMigration, type StoredMigration, toColumns } from './rows.ts';
import type { MigrationTable, Schema } from './tables.ts';

/** Adds a migration with its first event. */
export async function insert(
  transaction: Kysely<Schema>,
  migration: NewMigration,
  how: Pick<Selectable<MigrationTable>, 'state' | 'deferred' | 'asked'>,
  reason: Reason,
): Promise<StoredMigration> {
  const { server, receivedAtMs } = migration;
  const { insertId } = await transaction
    .insertInto('migration')
    .values({
      ...how,
      vm_uuid: migration.vmUuid,
      vm_name: server.name,
      project_id: server.projectId,
      user_id: migration.userId,
      handover: migration.handover ?? null,
      source: migration.source,
      destination: migration.destination,
      state_reason: JSON.stringify(reason),
      received_at_ms: receivedAtMs,
      request: JSON.stringify(migration.request),
      server: JSON.stringify(server),
    })
    .executeTakeFirstOrThrow();
  const id = Number(insertId);
  await addEvent(transaction, id, how.state, reason, receivedAtMs);
  return read(transaction, id);
}

/** The record as it stands. */
export async function read(db: Kysely<Schema>, id: number): Promise<StoredMigration> {
  return fromRow(await db.selectFrom('migration').selectAll().where('id', '=', id).executeTakeFirstOrThrow());
}

/** Writes a state with its reason, an event and the changed fields. */
export async function changeState(
  transaction: Kysely<Schema>,
  id: number,
  state: MigrationState,
  reason: Reason,
  nowMs: number,
  change: Change,
): Promise<StoredMigration> {
  await transaction
    .updateTable('migration')
    .set({
      ...toColumns(change),
      state,
      state_reason: JSON.stringify(reason),
      ...(isFinal(state) ? { ended_at_ms: nowMs } : {}),
    })
    .where('id', '=', id)
    .execute();
  await addEvent(transaction, id, state, reason, nowMs);
  return read(transaction, id);
}

/** Changes fields alone. */
export async function changeFields(transaction: Kysely<Schema>, id: number, change: Change): Promise<StoredMigration> {
  await transaction.updateTable('migration').set(toColumns(change)).where('id', '=', id).execute();
  return read(transaction, id);
}
