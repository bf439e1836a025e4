import type { Kysely } from 'kysely';
import type { Schema } from './tables.ts';

/**
 * The number of a new leadership: above every earlier one of this database, and above those of one that was lost, for it
 * is never less than the time (Unix, ms).
 */
export async function takeLeadership(db: Kysely<Schema>): Promise<number> {
  return db.transaction().execute(async (transaction) => {
    const before = await transaction.selectFrom('leadership').select('fence').executeTakeFirst();
    const fence = Math.max(Date.now(), (before?.fence ?? 0) + 1);
    await transaction.updateTable('leadership').set({ fence }).execute();
    return fence;
  });
}
