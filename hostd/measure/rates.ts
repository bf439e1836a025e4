/** One look at a set of byte counters. `atMs` is monotonic time. */
export interface Reading {
  atMs: number;
  /** Changes when the counters were made anew: readings of two epochs say nothing about each other. */
  epoch: string;
  bytes: ReadonlyMap<string, number>;
}

/** What a counter that was not there at the reading before stood at then: `zero` for elements that a packet creates. */
export type Appearing = 'zero' | 'unknown';

/** The ring with `next`: readings older than the window go, but one at or past its edge stays as the base. */
export function addReading(ring: readonly Reading[], next: Reading, windowMs: number): Reading[] {
  const edge = next.atMs - windowMs;
  const kept = ring.filter((reading) => reading.atMs < next.atMs);
  const base = kept.findLastIndex((reading) => reading.atMs <= edge);
  return [...kept.slice(Math.max(base, 0)), next];
}

/** Length of time that the ring covers, in milliseconds. */
export function coveredMs(ring: readonly Reading[]): number {
  const first = ring[0];
  const last = ring.at(-1);
  return first === undefined || last === undefined ? 0 : last.atMs - first.atMs;
}

/**
 * Mean rates in bit/s over the ring. An interval in which a counter fell (reset, wrap, another interface of that name),
 * is missing on either side or changed its epoch is left out, with its time: a rate is never made from it. A counter
 * that has no usable interval is not in the answer.
 *
 * | readings (bytes at ms)            | rate                                   |
 * |-----------------------------------|----------------------------------------|
 * | 0 at 0, 1000 at 1000              | 8000                                   |
 * | 0 at 0, 1000 at 1000, 10 at 2000  | 8000: the second interval says nothing |
 * | 9000 at 0, 10 at 1000             | none                                   |
 */
export function meanRates(ring: readonly Reading[], appearing: Appearing): Map<string, number> {
  const rates = new Map<string, number>();
  for (const key of new Set(ring.flatMap((reading) => [...reading.bytes.keys()]))) {
    const rate = meanRate(ring, key, appearing);
    if (rate !== null) rates.set(key, rate);
  }
  return rates;
}

function meanRate(ring: readonly Reading[], key: string, appearing: Appearing): number | null {
  const absent = appearing === 'zero' ? 0 : undefined;
  let bytes = 0;
  let ms = 0;
  for (const [index, next] of ring.entries()) {
    const before = ring[index - 1];
    if (before === undefined || before.epoch !== next.epoch) continue;
    const from = before.bytes.get(key) ?? absent;
    const to = next.bytes.get(key) ?? absent;
    if (from === undefined || to === undefined || to < from) continue;
    bytes += to - from;
    ms += next.atMs - before.atMs;
  }
  return ms > 0 ? (bytes * 8000) / ms : null;
}
