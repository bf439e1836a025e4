import type { MigrationRecord, PlannedTimes } from '../contract.ts';
import type { Tracker } from '../tracker/tracker.ts';
import type { LookAhead } from './plan/lookahead.ts';
import { plannedTimes } from './plan/publish.ts';
import type { Entry } from './queue.ts';
import { isFinal, type StoredMigration } from './store/store.ts';

/** A stored migration as the control API shows it, with its progress while it runs and its planned times until it ends. */
export function shown(record: StoredMigration, tracker: Tracker, ahead: LookAhead | null): MigrationRecord {
  const {
    request: _request,
    server: _server,
    handover: _handover,
    candidates: _candidates,
    ...stored
  } = record as Entry;
  if (isFinal(record.state)) return stored;
  const foreseen = ahead?.byId.get(record.id);
  const shown = { ...stored, planned: foreseen ? plannedTimes(foreseen) : notBefore(record) };
  if (record.submittedAtMs === null) return shown;
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

/** One that is to start later is not part of any plan before. */
function notBefore({ asked }: StoredMigration): PlannedTimes | null {
  const fromMs = asked?.notBeforeAtMs ?? null;
  if (fromMs === null) return null;
  const reason = { code: 'not-before', text: `it was asked for from ${new Date(fromMs).toISOString()} on` };
  return { startAtMs: null, endAtMs: { value: null, low: null, high: null }, reason };
}
