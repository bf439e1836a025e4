import type { MigrationState } from '../../plugin/contract.ts';
import type { Ledger, Taken } from '../cloud/ledger.ts';
import type { Book, BookedMigration } from './book.ts';
import type { Asked } from './clients.ts';
import { type LeftToNova, moverOf, ranThen, unmanagedMigrations } from './unmanaged.ts';

export interface Evidence {
  asked: readonly Asked[];
  ledger: Ledger;
  book: Book;
  /** Leases that stand on any host after the end. */
  leases: readonly string[];
  /** Once for each request. */
  leftToNova: readonly LeftToNova[];
}

export interface Judgement {
  lost: string[];
  doubled: string[];
  /** Anything else that is not as it must be. */
  wrong: string[];
  accepted: number;
  deferred: number;
  /**
   * Deferred ones that Nova was never asked for, since another request for the same server, that was left to Nova, moved it
   * while they waited; and the times that Nova refused one, since such another one ran just then.
   */
  movedMeanwhile: string[];
  collided: string[];
  /** Of how many Nova did not take the host that Drover chose. */
  askedAgain: number;
}

const FINAL: MigrationState[] = ['completed', 'failed', 'aborted'];
/** How a record ends for how Nova ended. */
const ENDS: Record<NonNullable<Taken['end']>, MigrationState> = {
  completed: 'completed',
  failed: 'failed',
  error: 'failed',
  cancelled: 'aborted',
};
/** A deferred migration may end without Nova only for these reasons, `already-moved` only if it was moved without Drover. */
const REFUSED = 'nova-refused';
const MOVED = 'already-moved';

/**
 * Judges a run. Pure.
 *
 * | the client saw                      | what must be true                                                          |
 * |-------------------------------------|----------------------------------------------------------------------------|
 * | 202 with a request id of Nova's     | Nova took it once                                                          |
 * | 202 with a request id of Drover's   | one record has this id, it is final, and ended as Nova's migration did; or |
 * |                                     | Nova refused it; or a migration that was left to Nova moved the server     |
 * |                                     | while it waited                                                            |
 * | another answer                      | Nova took it at most once (an answer may be lost on its way)               |
 * | a broken connection, or it left     | Nova took it at most once, as the client's own or as a record              |
 *
 * And for all: each record has one final state, written once; no two records share a migration of Nova's; whatever Nova
 * took with the service's token is the migration of one record that was deferred; what it took with a client's is one of
 * a record that was not, or was left to Nova; no live migration was asked for with the service's token while another of
 * that server ran, unless that one was left to Nova. A record whose chosen host Nova did not take has had one migration
 * more, which ended in error before it.
 */
export function judge({ asked, ledger, book, leases, leftToNova }: Evidence): Judgement {
  const lost: string[] = [];
  const doubled: string[] = [];
  const wrong: string[] = [];
  const movedMeanwhile: string[] = [];
  const collided: string[] = [];
  const others = unmanagedMigrations(ledger, book, leftToNova);
  const records = book.migrations;
  const recordOf = new Map<number, BookedMigration>();
  const refusedOf = new Map<number, BookedMigration>();
  for (const record of records) {
    const finals = record.states.filter((state) => FINAL.includes(state));
    if (!FINAL.includes(record.state)) lost.push(`record ${record.id} is still ${record.state} (${record.reasonCode})`);
    else if (finals.length !== 1) wrong.push(`record ${record.id} ended ${finals.length} times: ${record.states}`);
    if (record.refusedMigrationId != null) refusedOf.set(record.refusedMigrationId, record);
    if (record.novaMigrationId === null) continue;
    const other = recordOf.get(record.novaMigrationId);
    if (other) wrong.push(`records ${other.id} and ${record.id} claim Nova's migration ${record.novaMigrationId}`);
    recordOf.set(record.novaMigrationId, record);
  }

  let askedAgain = 0;
  const unmanaged = new Map<string, number>();
  for (const taken of ledger.taken) {
    if (taken.end === null) wrong.push(`Nova's migration ${taken.migrationId} of ${taken.vmUuid} did not end`);
    const record = taken.migrationId === null ? undefined : recordOf.get(taken.migrationId);
    const refused = taken.migrationId === null ? undefined : refusedOf.get(taken.migrationId);
    if (!record && refused && taken.by === 'service' && taken.vmUuid === refused.vmUuid && taken.end === 'error') {
      askedAgain += 1;
      if ((refused.novaMigrationId ?? Number.POSITIVE_INFINITY) <= (taken.migrationId ?? 0))
        doubled.push(`record ${refused.id}: asked for again before Nova refused the host, ${taken.migrationId}`);
    } else if (!record) {
      if (taken.by === 'service')
        doubled.push(`Nova's migration ${taken.migrationId}, asked by Drover, is no record's`);
      else unmanaged.set(taken.vmUuid, (unmanaged.get(taken.vmUuid) ?? 0) + 1);
    } else if (record.vmUuid !== taken.vmUuid) {
      wrong.push(`record ${record.id} of ${record.vmUuid} claims a migration of ${taken.vmUuid}`);
    } else if (record.deferred !== (taken.by === 'service')) {
      const whose = taken.by === 'service' ? 'one that Drover asked for' : "a client's own";
      wrong.push(`record ${record.id}, deferred: ${record.deferred}, claims ${whose}, ${taken.migrationId}`);
    } else if (taken.end !== null && record.state !== ENDS[taken.end]) {
      wrong.push(`record ${record.id} is ${record.state} (${record.reasonCode}), Nova's migration ${taken.end}`);
    }
  }
  for (const [vmUuid, count] of unmanaged) {
    const said = leftToNova.filter((said) => said.vmUuid === vmUuid).length;
    if (count > said) wrong.push(`${count} migrations of ${vmUuid} have no record, ${said} were left to Nova`);
  }

  const byTag = Map.groupBy(ledger.taken, ({ tag }) => tag);
  for (const [tag, taken] of byTag)
    if (tag !== null && taken.length > 1) doubled.push(`${tag}: taken ${taken.length} times`);
  for (const { by, vmUuid, atMs } of ledger.overlaps) {
    if (by === 'caller') continue;
    const text = `${vmUuid}: asked for by Drover while another ran`;
    (ranThen(vmUuid, atMs, others) ? collided : doubled).push(text);
  }

  const byRequestId = Map.groupBy(records, ({ requestId }) => requestId);
  const ofNova = new Set(ledger.taken.map(({ requestId }) => requestId));
  let accepted = 0;
  let deferred = 0;
  for (const { tag, vmUuid, outcome } of asked) {
    if (typeof outcome !== 'object' || outcome.status !== 202) continue;
    accepted += 1;
    if (outcome.requestId !== null && ofNova.has(outcome.requestId)) continue;
    deferred += 1;
    const found = byRequestId.get(outcome.requestId) ?? [];
    const [record] = found;
    if (!record || found.length > 1) {
      lost.push(`${tag} of ${vmUuid} was accepted as ${outcome.requestId}: ${found.length} records`);
      continue;
    }
    if (byTag.has(tag)) doubled.push(`${tag} waits as record ${record.id} and went to Nova as well`);
    if (record.novaMigrationId === null) {
      const text = `${tag}, record ${record.id}: accepted, ${record.state} (${record.reasonCode}), never reached Nova`;
      const moved = record.state === 'aborted' && record.reasonCode === MOVED && moverOf(record, others);
      if (moved) movedMeanwhile.push(`${text}; ${moved.tag}, left to Nova, moved it`);
      else if (record.state !== 'failed' || record.reasonCode !== REFUSED) lost.push(text);
    }
    if (!record.deferred) wrong.push(`record ${record.id} was accepted and is not marked so`);
  }

  if (book.integrity !== 'ok') wrong.push(`the database: ${book.integrity}`);
  if (leases.length > 0) wrong.push(`leases that nobody needs: ${leases.join(', ')}`);
  return { lost, doubled, wrong, accepted, deferred, movedMeanwhile, collided, askedAgain };
}
