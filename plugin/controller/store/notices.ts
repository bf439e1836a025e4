import type { Kysely } from 'kysely';
import { Notice } from '../../contract.ts';
import type { Schema } from './tables.ts';

export async function addNotice(db: Kysely<Schema>, { atMs, code, text, details }: Omit<Notice, 'id'>): Promise<void> {
  const values = { at_ms: atMs, code, text, details: JSON.stringify(details) };
  await db.insertInto('notice').values(values).execute();
}

/** At most `limit` with an id above `after`, oldest first. */
export async function readNotices(db: Kysely<Schema>, after: number, limit: number): Promise<Notice[]> {
  const rows = await db.selectFrom('notice').selectAll().where('id', '>', after).orderBy('id').limit(limit).execute();
  return rows.map(({ at_ms, details, ...row }) => Notice.parse({ ...row, atMs: at_ms, details: JSON.parse(details) }));
}
