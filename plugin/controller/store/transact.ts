import type { Kysely } from 'kysely';
import type { Schema } from './tables.ts';

const ATTEMPTS = 5;
/** MariaDB's ER_LOCK_DEADLOCK: of transactions that wait for each other the server has undone this one. */
const DEADLOCK = 1213;
/** MariaDB's ER_DUP_ENTRY. */
const DUPLICATE = 1062;

/**
 * Runs `work` in one transaction, again where the server undid it in favour of another, or where another one has just
 * written a row of the same key (`work` then finds it). `work` does nothing but use the transaction.
 */
export async function transact<T>(db: Kysely<Schema>, work: (transaction: Kysely<Schema>) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      if (attempt === ATTEMPTS || !mayPass(error)) throw error;
    }
  }
}

function mayPass(error: unknown): boolean {
  return errorNumber(error) === DEADLOCK || errorNumber(error) === DUPLICATE;
}

function errorNumber(error: unknown): number | null {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? error.errno : null;
}
