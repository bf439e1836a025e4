import type { MigrationView } from '../contract.ts';

/** A migration of an idle guest takes seconds, one of a busy guest on a busy link an hour. */
export const DURATION_BOUNDS_SECONDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] as const;

/** Migrations that ended since hostd started, by `role status`. */
export interface Tally {
  ended: ReadonlyMap<string, { count: number; sumSeconds: number; buckets: readonly number[] }>;
  /** Those of the last views that had ended, so that each is counted once. */
  counted: ReadonlySet<string>;
}

export const EMPTY_TALLY: Tally = { ended: new Map(), counted: new Set() };

/** The tally after these views, which hold every migration for 10 minutes after its end. */
export function tallyEnded(tally: Tally, views: readonly MigrationView[]): Tally {
  const ended = new Map(tally.ended);
  const counted = new Set<string>();
  for (const view of views) {
    if (view.endedAtMs === null) continue;
    const id = `${view.vmUuid} ${view.role} ${view.startedAtMs}`;
    counted.add(id);
    if (tally.counted.has(id)) continue;
    const seconds = Math.max(0, view.endedAtMs - (view.startedAtMs ?? view.endedAtMs)) / 1000;
    const key = `${view.role} ${view.status}`;
    const old = ended.get(key) ?? { count: 0, sumSeconds: 0, buckets: DURATION_BOUNDS_SECONDS.map(() => 0).concat(0) };
    const at = DURATION_BOUNDS_SECONDS.findIndex((bound) => seconds <= bound);
    ended.set(key, {
      count: old.count + 1,
      sumSeconds: old.sumSeconds + seconds,
      buckets: old.buckets.with(at < 0 ? DURATION_BOUNDS_SECONDS.length : at, (old.buckets.at(at) ?? 0) + 1),
    });
  }
  return { ended, counted };
}
