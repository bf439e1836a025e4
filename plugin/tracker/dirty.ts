import type { VmSample } from 'drover-hostd/contract';

type DirtyWindow = VmSample['dirtyWindows'][number];

/**
 * QEMU reads a dirty rate off a sample of pages, so many a GiB (migration/dirtyrate.h, DIRTYRATE_DEFAULT_SAMPLE_PAGES): of a
 * guest of 256 MiB 128, of which ten changed in a second where it dirties 20 MB/s, give or take three.
 */
const PAGES_SAMPLED_PER_GIBIBYTE = 512;
const GIBIBYTE = 2 ** 30;
/** Standard errors: two readings further apart are of a guest that has changed what it does. */
const ALIKE = 3;
const MOST_KEPT = 16;
const KEPT_FOR_MS = 3_600_000;

/** Readings of one VM, the newest first, whichever hosts it was on. */
export type DirtyReadings = readonly DirtyWindow[];

/** The readings with those of a new sample; those that are known already, too old or too many are not kept twice. Pure. */
export function withReadings(known: DirtyReadings, sampled: readonly DirtyWindow[]): DirtyReadings {
  const fresh = sampled.filter((one) => !known.some((other) => isSame(one, other)));
  if (fresh.length === 0) return known;
  const all = [...fresh, ...known].sort((one, other) => other.measuredAtMs - one.measuredAtMs);
  const newestAtMs = all[0]?.measuredAtMs ?? 0;
  return all.filter(
    (one, at) =>
      newestAtMs - one.measuredAtMs <= KEPT_FOR_MS &&
      all.slice(0, at).filter(({ windowMs }) => windowMs === one.windowMs).length < MOST_KEPT,
  );
}

/**
 * For each window the mean of the newest readings whose differences the sampling alone explains, back to the first where
 * it does not: that the guest has changed counts at once, and where it has not the error falls with their number.
 * Each as old as its newest, the shortest window first. Pure.
 *
 * A guest of 256 MiB, windows of 1 s, newest first (MB/s):
 *
 * | readings      | steady | why                                             |
 * |---------------|--------|-------------------------------------------------|
 * | 9, 31, 22, 18 | 20     | 128 pages cannot tell them apart                |
 * | 100, 20, 21   | 100    | they can: it is busier now                      |
 * | 0, 40, 40     | 0      | it is idle now                                  |
 */
export function steadyWindows(readings: DirtyReadings, memoryBytes: number): DirtyWindow[] {
  const byWindow = Map.groupBy(readings, ({ windowMs }) => windowMs);
  return [...byWindow]
    .sort(([one], [other]) => one - other)
    .flatMap(([windowMs, [newest, ...older]]): DirtyWindow[] => {
      if (!newest) return [];
      const alike = [newest.bytesPerSecond];
      for (const { bytesPerSecond } of older) {
        if (!areAlike(bytesPerSecond, alike, (memoryBytes * 1000) / windowMs, memoryBytes)) break;
        alike.push(bytesPerSecond);
      }
      return [{ ...newest, bytesPerSecond: mean(alike) }];
    });
}

/** Whether one more reading can be of the same rate. `mostBytesPerSecond`: what is read where every page has changed. */
function areAlike(bytesPerSecond: number, alike: readonly number[], mostBytesPerSecond: number, memoryBytes: number) {
  const pages = Math.max(1, (PAGES_SAMPLED_PER_GIBIBYTE * memoryBytes) / GIBIBYTE);
  const share = Math.min(1, Math.max(mean(alike), bytesPerSecond) / mostBytesPerSecond);
  // Of a binomial share; that none or all of the pages changed does not make a reading exact.
  const variance = Math.max(share * (1 - share), 1 / pages) / pages;
  const apart = Math.abs(bytesPerSecond - mean(alike)) / mostBytesPerSecond;
  return apart <= ALIKE * Math.sqrt(variance * (1 + 1 / alike.length));
}

function isSame(one: DirtyWindow, other: DirtyWindow): boolean {
  return one.windowMs === other.windowMs && one.measuredAtMs === other.measuredAtMs;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0) / values.length;
}
