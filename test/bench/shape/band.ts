/** A byte counter at one moment. */
export interface Reading {
  atMs: number;
  bytes: number;
}

/**
 * Bit/s between two moments, with the counter taken as growing evenly between two readings; NaN where there were no
 * readings.
 */
export function meanRate(readings: readonly Reading[], fromMs: number, toMs: number): number {
  return ((bytesAt(readings, toMs) - bytesAt(readings, fromMs)) * 8000) / (toMs - fromMs);
}

function bytesAt(readings: readonly Reading[], atMs: number): number {
  const next = readings.findIndex((reading) => reading.atMs >= atMs);
  const [before, after] = [readings[next - 1], readings[next]];
  if (after === undefined) return Number.NaN;
  if (after.atMs === atMs) return after.bytes;
  if (before === undefined) return Number.NaN;
  const share = (atMs - before.atMs) / (after.atMs - before.atMs);
  return before.bytes + share * (after.bytes - before.bytes);
}

export interface BandOptions {
  targetBitsPerSecond: number;
  /** Default 0.1. */
  tolerance?: number;
  /** Length of a window; default 100 ms. */
  windowMs?: number;
  /** Windows begin this far apart; default 10 ms. */
  stepMs?: number;
}

/**
 * When the rate came into the band to stay: the start of the first window, at or after `fromMs`, from which on every
 * window up to `toMs` has a mean rate in the band.
 *
 * @returns milliseconds after `fromMs`; null if the last window is out of the band.
 */
export function settledAfterMs(
  readings: readonly Reading[],
  fromMs: number,
  toMs: number,
  { targetBitsPerSecond, tolerance = 0.1, windowMs = 100, stepMs = 10 }: BandOptions,
): number | null {
  let settled: number | null = null;
  const near = readings.filter(({ atMs }) => atMs > fromMs - 1000 && atMs < toMs + 1000);
  const last = Math.floor((toMs - windowMs - fromMs) / stepMs);
  for (let step = last; step >= 0; step--) {
    const start = fromMs + step * stepMs;
    const rate = meanRate(near, start, start + windowMs);
    if (!(Math.abs(rate - targetBitsPerSecond) <= tolerance * targetBitsPerSecond)) return settled;
    settled = step * stepMs;
  }
  return settled;
}

/** The middle one; of an even number the lower middle. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
}

/** The smallest value that at least this share of all do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
