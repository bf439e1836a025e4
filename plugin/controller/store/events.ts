import { type Kysely, type Selectable, sql } from 'kysely';
import { type MigrationEvent, type MigrationState, Reason } from '../../contract.ts';
import type { Schema } from './tables.ts';

export async function addEvent(
  db: Kysely<Schema>,
  migrationId: number,
  state: MigrationState,
  reason: Reason,
  atMs: number,
): Promise<void> {
  const values = { migration_id: migrationId, at_ms: atMs, state, reason: JSON.stringify(reason) };
  await db.insertInto('event').values(values).execute();
}

/** In the state that the migration is in. */
export async function addNote(db: Kysely<Schema>, id: number, reason: Reason, atMs: number): Promise<void> {
  await db
    .insertInto('event')
    .columns(['migration_id', 'at_ms', 'state', 'reason'])
    .expression((from) =>
      from
        .selectFrom('migration')
        .where('id', '=', id)
        .select(['id', sql.lit(atMs).as('at_ms'), 'state', sql<string>`${JSON.stringify(reason)}`.as('reason')]),
    )
    .execute();
}

/** Of one migration, in the order they were written. */
export async function eventsOf(db: Kysely<Schema>, migrationId: number): Promise<MigrationEvent[]> {
  const rows = await db.selectFrom('event').selectAll().where('migration_id', '=', migrationId).orderBy('id').execute();
  return rows.map(fromRow);
}

/** At most `limit` of all migrations with a number above `after`, lowest first. */
export async function eventsAfter(db: Kysely<Schema>, after: number, limit: number): Promise<MigrationEvent[]> {
  const rows = await db.selectFrom('event').selectAll().where('id', '>', after).orderBy('id').limit(limit).execute();
  return rows.map(fromRow);
}

/** The highest numbers of events and notices, 0 where there are none. */
export async function newestPosition(db: Kysely<Schema>): Promise<{ event: number; notice: number }> {
  const newest = async (table: 'event' | 'notice') =>
    (await db.selectFrom(table).select('id').orderBy('id', 'desc').limit(1).executeTakeFirst())?.id ?? 0;
  const [event, notice] = await Promise.all([newest('event'), newest('notice')]);
  return { event, notice };
}

function fromRow(row: Selectable<Schema['event']>): MigrationEvent {
  const { id, migration_id: migrationId, at_ms: atMs, state } = row;
  return { id, migrationId, atMs, state, reason: Reason.parse(JSON.parse(row.reason)) };
}
