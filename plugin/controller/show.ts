import type { MigrationRecord } from '../contract.ts';
import type { Tracker } from '../tracker/tracker.ts';
import type { Entry } from './queue.ts';
import { isFinal, type StoredMigration } from './store/store.ts';

/** A stored migration as the control API shows it, with its progress while it runs. */
export function shown(record: StoredMigration, tracker: Tracker): MigrationRecord {
  const { request: _r, server: _s, handover: _h, candidates: _c, ...shown } = record as Entry;
  if (isFinal(record.state) || record.submittedAtMs === null) return shown;
  const view = tracker.migration(record.source, record.vmUuid, 'source', record.submittedAtMs);
  if (!view) return shown;
  const { memoryRemainingBytes, memoryTotalBytes, iterations, transferBitsPerSecond } = view;
  return {
    ...shown,
    progress: {
      remainingBytes: memoryRemainingBytes,
      totalBytes: memoryTotalBytes,
      iteration: iterations,
      transferBitsPerSecond,
    },
  };
}
