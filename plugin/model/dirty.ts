import type { MigrationFeatures, ModelParameters } from './features.ts';

/** How many distinct bytes a guest dirties within a time: concave, from 0. */
export interface DirtyCurve {
  /** Rising in both, the first is (0, 0). */
  points: readonly { seconds: number; bytes: number }[];
  /** At the last point; beyond it it falls by `tailDecay` a second (its natural logarithm). */
  tailBytesPerSecond: number;
  tailDecayPerSecond: number;
  /** No more than this is ever dirty. */
  mostBytes: number;
}

/** Less is a matter of digits. */
const BENT = 1 - 1e-9;

/**
 * The curve through what was measured in windows of several lengths. A longer window reads a lower rate, for a page that
 * is dirtied twice counts once: so the windows show the working set. Points are joined by their concave hull; beyond the
 * longest window the slope goes on to fall as it fell before (`tailOf`), so one window alone means no working set smaller
 * than the memory.
 *
 * Windows of 1 s and 4 s (MB/s), memory 256 MB:
 *
 * | 1 s | 4 s | distinct MB after 0.5 s, 2 s, 10 s | reading                               |
 * |-----|-----|------------------------------------|---------------------------------------|
 * | 40  | 10  | 20, 40, 40                         | a working set of 40 MB                |
 * | 40  | 16  | 20, 48, 67                         | 67 MB in all, most of it hot          |
 * | 20  | -   | 10, 40, 200                        | one window: 20 MB/s for ever          |
 * | 20  | 30  | 15, 60, 256                        | the hull: the longer one counts alone |
 */
export function dirtyCurve(
  { dirtyWindows, memoryBytes }: Pick<MigrationFeatures, 'dirtyWindows' | 'memoryBytes'>,
  { dirtyFactor, unknownDirtyShare }: Pick<ModelParameters, 'dirtyFactor' | 'unknownDirtyShare'>,
): DirtyCurve {
  const measured = dirtyWindows
    .filter(({ windowMs }) => windowMs > 0)
    .map(({ windowMs, bytesPerSecond }) => ({
      seconds: windowMs / 1000,
      bytes: Math.min((bytesPerSecond * windowMs * dirtyFactor) / 1000, memoryBytes),
    }))
    .sort((a, b) => a.seconds - b.seconds);
  if (measured.length === 0) {
    return {
      points: [{ seconds: 0, bytes: 0 }],
      tailBytesPerSecond: unknownDirtyShare * memoryBytes,
      tailDecayPerSecond: 0,
      mostBytes: memoryBytes,
    };
  }
  const points: { seconds: number; bytes: number }[] = [{ seconds: 0, bytes: 0 }];
  for (const point of measured) {
    // Distinct pages never get fewer: a longer window that reads less says that nothing was added.
    const bytes = Math.max(point.bytes, points.at(-1)?.bytes ?? 0);
    // Points on one line stay: they say that the slope does not fall.
    while (points.length > 1 && slope(points.at(-2), points.at(-1)) < BENT * slope(points.at(-1), { ...point, bytes }))
      points.pop();
    points.push({ seconds: point.seconds, bytes });
  }
  return { points, ...tailOf(points), mostBytes: memoryBytes };
}

/**
 * Random writes into a working set of W bytes reach W (1 − e^(−rate t / W)) distinct ones: the slope falls exponentially.
 * So it goes on as it fell between the last two stretches; where it did not fall it stays.
 */
function tailOf(points: DirtyCurve['points']): Pick<DirtyCurve, 'tailBytesPerSecond' | 'tailDecayPerSecond'> {
  const [before, from, to] = [points.at(-3), points.at(-2), points.at(-1)];
  const last = slope(from, to);
  if (!before || !from || !to || last <= 0) return { tailBytesPerSecond: last, tailDecayPerSecond: 0 };
  const apart = (to.seconds - before.seconds) / 2;
  const tailDecayPerSecond = Math.log(slope(before, from) / last) / apart;
  const sinceMiddle = (to.seconds - from.seconds) / 2;
  return { tailBytesPerSecond: last * Math.exp(-tailDecayPerSecond * sinceMiddle), tailDecayPerSecond };
}

type Point = DirtyCurve['points'][number] | undefined;

function slope(from: Point, to: Point): number {
  if (!from || !to || to.seconds <= from.seconds) return Number.POSITIVE_INFINITY;
  return (to.bytes - from.bytes) / (to.seconds - from.seconds);
}

/** Distinct bytes dirtied within `seconds` (0 and above). */
export function dirtiedBytes(
  { points, tailBytesPerSecond, tailDecayPerSecond, mostBytes }: DirtyCurve,
  seconds: number,
): number {
  const index = points.findIndex((point) => point.seconds >= seconds);
  const after = points[index];
  const before = points[index - 1];
  const last = points.at(-1) ?? { seconds: 0, bytes: 0 };
  const bytes = after
    ? before
      ? before.bytes + slope(before, after) * (seconds - before.seconds)
      : after.bytes
    : last.bytes + tailBytesPerSecond * decayed(seconds - last.seconds, tailDecayPerSecond);
  return Math.min(bytes, mostBytes);
}

/** The integral of e^(−decay t) from 0 to `seconds`. */
function decayed(seconds: number, decay: number): number {
  return decay > 0 ? -Math.expm1(-decay * seconds) / decay : seconds;
}
