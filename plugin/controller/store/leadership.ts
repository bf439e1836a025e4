import { type Kysely, type RawBuilder, sql } from 'kysely';
import { DroverError } from '../../errors.ts';
import type { DatabaseKind } from './address.ts';
import type { Schema } from './tables.ts';

/** Who leads, as the database says. */
export interface Leadership {
  fence: number;
  replica: string;
  /** Base URL where other replicas reach it, null: nowhere. */
  address: string | null;
  /** Nobody else may take the lead yet. */
  holds: boolean;
}

export interface Candidate {
  replica: string;
  address: string | null;
  /** Nobody else leads for so long, ms, counted anew at each renewal. */
  leaseMs: number;
}

/**
 * Takes the lead if nobody holds it, and gives the number of the new leadership: above every earlier one of this
 * database, and above those of a database that was lost, for it is never less than the time (Unix, ms). Null: another
 * one leads. One statement decides, by the database's own clock, so it does not matter how those of the replicas differ.
 */
export async function takeLead(
  db: Kysely<Schema>,
  kind: DatabaseKind,
  { replica, address, leaseMs }: Candidate,
): Promise<number | null> {
  const now = nowMs(kind);
  return db.transaction().execute(async (transaction) => {
    const taken = await transaction
      .updateTable('leadership')
      .set({
        fence: sql<number>`CASE WHEN fence < ${Date.now()} THEN ${Date.now()} ELSE fence + 1 END`,
        replica,
        address,
        lapses_at_ms: sql<number>`${now} + ${leaseMs}`,
      })
      // One that lapses later than any lease lasts was given before the server's clock was set back.
      .where((where) =>
        where.or([
          where('lapses_at_ms', '<=', sql<number>`${now}`),
          where('lapses_at_ms', '>', sql<number>`${now} + ${2 * leaseMs}`),
        ]),
      )
      .executeTakeFirst();
    if (taken.numUpdatedRows === 0n) return null;
    return (await transaction.selectFrom('leadership').select('fence').executeTakeFirstOrThrow()).fence;
  });
}

/** Holds the lead for another `leaseMs`; false: another one has taken it. */
export async function renewLead(
  db: Kysely<Schema>,
  kind: DatabaseKind,
  fence: number,
  leaseMs: number,
): Promise<boolean> {
  const renewed = await db
    .updateTable('leadership')
    .set({ lapses_at_ms: sql<number>`${nowMs(kind)} + ${leaseMs}` })
    .where('fence', '=', fence)
    .executeTakeFirst();
  return renewed.numUpdatedRows === 1n;
}

/** Lets another one lead at once. */
export async function giveUpLead(db: Kysely<Schema>, fence: number): Promise<void> {
  await db.updateTable('leadership').set({ lapses_at_ms: 0 }).where('fence', '=', fence).execute();
}

export async function readLeadership(db: Kysely<Schema>, kind: DatabaseKind): Promise<Leadership> {
  const row = await db
    .selectFrom('leadership')
    .select(['fence', 'replica', 'address', sql<number>`lapses_at_ms > ${nowMs(kind)}`.as('holds')])
    .executeTakeFirstOrThrow();
  return { ...row, holds: row.holds === 1 };
}

/**
 * Lets a transaction of a leader go on only if it still is one; nobody else becomes one before the transaction has ended.
 *
 * @throws DroverError `not-leader`
 */
export async function holdLead(transaction: Kysely<Schema>, kind: DatabaseKind, fence: number): Promise<void> {
  const row = await transaction
    .selectFrom('leadership')
    .select('fence')
    .where('fence', '=', fence)
    .$if(kind === 'mariadb', (query) => query.modifyEnd(sql`LOCK IN SHARE MODE`))
    .executeTakeFirst();
  if (!row) throw new DroverError('not-leader', 'another replica leads now: this one writes nothing any more');
}

function nowMs(kind: DatabaseKind): RawBuilder<number> {
  return kind === 'mariadb'
    ? sql`CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)`
    : sql`CAST(unixepoch('subsec') * 1000 AS INTEGER)`;
}
