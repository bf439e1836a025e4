import type { StoredMigration } from '../controller/store/store.ts';

/** What a request that is handed to a leader for the second time meets. */
export type Resumption =
  /** Nothing was done with it, and nothing will be: it may be taken as if it came for the first time. */
  | 'anew'
  /** Nova has it, or it was accepted to wait: it must not be taken again. */
  | 'taken'
  /** Nobody knows yet: whoever leads finds out. */
  | 'open';

/**
 * Where a request stands whose first leader was lost before it answered, by the record that came with it. Pure.
 *
 * | record                                              | is    |
 * |-----------------------------------------------------|-------|
 * | none                                                | anew  |
 * | deferred, in any state                              | taken |
 * | Nova's migration is known                           | taken |
 * | ended without one: never issued, refused, withdrawn | anew  |
 * | ended since Nova took it and showed none            | taken |
 * | received, reserving, submitted, no migration known  | open  |
 *
 * It can be trusted since nobody but the leader writes the record, and a leader of before cannot write any more.
 */
export function resumption(
  record: Pick<StoredMigration, 'state' | 'stateReason' | 'deferred' | 'novaMigrationId'> | null,
): Resumption {
  if (record === null) return 'anew';
  if (record.deferred || record.novaMigrationId !== null) return 'taken';
  switch (record.state) {
    case 'received':
    case 'queued':
    case 'reserving':
    case 'submitted':
      return 'open';
    case 'failed':
    case 'aborted':
      return record.stateReason?.code === 'nova-record-missing' ? 'taken' : 'anew';
    case 'running':
    case 'switching':
    case 'post-copy':
    case 'completed':
      return 'taken';
  }
}
