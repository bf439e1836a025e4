import { type Kysely, type Selectable, sql } from 'kysely';
import type { MigrationsQuery } from '../../contract.ts';
import { FINAL_STATES } from './rows.ts';
import type { MigrationTable, Schema } from './tables.ts';

/** Those that were accepted, never became Nova's, and ended at or after `sinceMs`, newest first. */
export function selectEndedUnseen(
  db: Kysely<Schema>,
  sinceMs: number,
  limit: number,
): Promise<Selectable<MigrationTable>[]> {
  return db
    .selectFrom('migration')
    .selectAll()
    .where('state', 'in', FINAL_STATES)
    .where('deferred', '=', 1)
    .where('nova_migration_id', 'is', null)
    .where('ended_at_ms', '>=', sinceMs)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}

/** The rows that the control API's query means, newest first. */
export async function selectMigrations(
  db: Kysely<Schema>,
  { all, state, vm, host, project, group, before, limit }: MigrationsQuery,
): Promise<Selectable<MigrationTable>[]> {
  let query = db.selectFrom('migration').selectAll().orderBy('id', 'desc').limit(limit);
  if (state) query = query.where('state', 'in', state);
  else if (!all) query = query.where('state', 'not in', FINAL_STATES);
  if (vm !== undefined) query = query.where((is) => is.or([is('vm_uuid', '=', vm), is('vm_name', '=', vm)]));
  if (host !== undefined) query = query.where((is) => is.or([is('source', '=', host), is('destination', '=', host)]));
  if (project !== undefined) query = query.where('project_id', '=', project);
  // Asked is JSON, in which a quote inside of a text is escaped: this finds the member and nothing that looks like it.
  if (group !== undefined) query = query.where(sql`instr(asked, ${`"group":${JSON.stringify(group)}`})`, '>', 0);
  if (before !== undefined) query = query.where('id', '<', before);
  return query.execute();
}
