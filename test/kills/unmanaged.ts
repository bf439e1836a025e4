import type { Ledger, Taken } from '../cloud/ledger.ts';
import type { LogLine } from '../service-process.ts';
import type { Book, BookedMigration } from './book.ts';

/** A request that the plugin said it leaves to Nova. */
export interface LeftToNova {
  vmUuid: string;
  /** Unix, by the clock that the ledger has as well. */
  atMs: number;
}

/** A request left to Nova leaves one of these lines. */
const LINES = ['left to Nova', 'live migration goes to Nova unmanaged'];

/** What the logs say of requests that were left to Nova. */
export function leftToNova(log: readonly LogLine[]): LeftToNova[] {
  return log
    .filter(({ msg }) => LINES.includes(msg))
    .map((line) => ({ vmUuid: String(line.vm ?? line.serverId), atMs: Number(line.time) }));
}

/**
 * Migrations of Nova's that are nobody's doing but a client's and Nova's own: taken with a client's token, claimed by no
 * record, and said before to be left to Nova.
 */
export function unmanagedMigrations(ledger: Ledger, book: Book, left: readonly LeftToNova[]): Taken[] {
  const claimed = new Set(book.migrations.map(({ novaMigrationId }) => novaMigrationId));
  return ledger.taken.filter(
    ({ by, migrationId, vmUuid, takenAtMs }) =>
      by === 'caller' &&
      (migrationId === null || !claimed.has(migrationId)) &&
      left.some((said) => said.vmUuid === vmUuid && said.atMs <= takenAtMs),
  );
}

/**
 * One that completed while this one waited: then its server has left its source without Drover, and there is nothing left
 * to do (plugin/controller/standing.ts, `already-moved`).
 */
export function moverOf(record: BookedMigration, unmanaged: readonly Taken[]): Taken | null {
  const { vmUuid, receivedAtMs, endedAtMs } = record;
  if (endedAtMs === null) return null;
  const moved = unmanaged.find(
    (one) =>
      one.vmUuid === vmUuid &&
      one.end === 'completed' &&
      one.endedAtMs !== null &&
      one.takenAtMs >= receivedAtMs &&
      one.endedAtMs <= endedAtMs,
  );
  return moved ?? null;
}

/** One that ran at that time. */
export function ranThen(vmUuid: string, atMs: number, unmanaged: readonly Taken[]): boolean {
  return unmanaged.some(
    (one) => one.vmUuid === vmUuid && one.takenAtMs <= atMs && (one.endedAtMs === null || atMs <= one.endedAtMs),
  );
}
