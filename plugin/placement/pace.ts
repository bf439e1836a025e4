/** When the room was looked at, and what has changed since. */
export interface Looked {
  /** Begin of the last look, and how long it took; null: there was none. */
  atMs: number | null;
  tookMs: number;
  /** It failed. */
  failure: 'refused' | 'silent' | null;
  /** Something has begun or ended since, or a server is new. */
  isOutdated: boolean;
}

/** Others use the room as well. */
const ROUTINE_MS = 2000;
/** What happened at the same time is seen by one look. */
const OUTDATED_MS = 300;
/** A Placement that takes long is asked less often. */
const REST = 5;
const REST_WHERE_OUTDATED = 2;
/** Who has no rights, or is not there, gets them by hand. */
const REFUSED_MS = 60_000;
const SILENT_MS = 5000;

/** From when on the room is looked at again. Pure. */
export function nextLookAtMs({ atMs, tookMs, failure, isOutdated }: Looked): number {
  if (atMs === null) return Number.NEGATIVE_INFINITY;
  if (failure !== null) return atMs + (failure === 'refused' ? REFUSED_MS : SILENT_MS);
  return (
    atMs + (isOutdated ? Math.max(OUTDATED_MS, REST_WHERE_OUTDATED * tookMs) : Math.max(ROUTINE_MS, REST * tookMs))
  );
}
