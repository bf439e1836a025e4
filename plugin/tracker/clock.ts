/**
 * How a host's clock stands to ours, told from question and answer as NTP does (RFC 5905, section 8): the host read its
 * clock at some moment between the two.
 */
export interface ClockOffset {
  /** Our clock minus the host's, in ms: add it to a time of the host. */
  offsetMs: number;
  /** The true offset is at most so far away: half the way there and back. */
  errorMs: number;
}

/** One question and its answer: our clock before and after, the host's in between (Unix, ms). */
export interface Exchange {
  askedAtMs: number;
  answeredAtMs: number;
  hostMs: number;
}

/** Samples are asked for once a second: about a minute, in which no clock drifts by more than a few milliseconds. */
const KEPT = 60;

/**
 * The offsets of the last exchanges with `next`. What an exchange rules out (a clock was set, or drifted away) is
 * forgotten: two that cannot both be true do not stand beside each other.
 *
 * | asked | answered | host | offset | error |
 * |-------|----------|------|--------|-------|
 * | 1000  | 1010     | 505  | 500    | 5     |
 * | 2000  | 2100     | 1540 | 510    | 50    |
 * | 3000  | 3004     | 2002 | 1000   | 2     |  the first two are forgotten: one of the clocks was set
 */
export function addExchange(known: readonly ClockOffset[], next: Exchange): ClockOffset[] {
  const { askedAtMs, answeredAtMs, hostMs } = next;
  const errorMs = (answeredAtMs - askedAtMs) / 2;
  // Our own clock went back meanwhile: this says nothing, and nothing of before holds any more.
  if (errorMs < 0) return [];
  const offset = { offsetMs: (askedAtMs + answeredAtMs) / 2 - hostMs, errorMs };
  // Both clocks tell whole milliseconds: one of each may be rounding.
  const agrees = (other: ClockOffset) =>
    Math.abs(other.offsetMs - offset.offsetMs) <= other.errorMs + offset.errorMs + ROUNDING_MS;
  return [...known.filter(agrees), offset].slice(-KEPT);
}

const ROUNDING_MS = 2;

/** The surest of the offsets; null before the first answer. */
export function surestOffset(known: readonly ClockOffset[]): ClockOffset | null {
  return known.reduce<ClockOffset | null>(
    (best, each) => (best === null || each.errorMs <= best.errorMs ? each : best),
    null,
  );
}
