import { type Finding, ok, warn } from 'drover-hostd/check/finding';

/** What a service's `Date` said beside our clock. */
export interface ServiceClock {
  service: string;
  askedAtMs: number;
  answeredAtMs: number;
  /** A Date field (RFC 9110 section 6.6.1) tells whole seconds. */
  dateMs: number;
}

const SECOND_MS = 1000;
/** Deadlines and windows are told by this clock, migrations are found again by Nova's times. */
const SKEW_MS = 2000;

/**
 * The clock of the service was between `dateMs` and a second later at some moment between question and answer: what
 * cannot be explained by that is skew.
 *
 * | asked | answered | Date   | at least |
 * |-------|----------|--------|----------|
 * | 5200  | 5210     | 5000   | 0        |
 * | 5200  | 5210     | 9000   | 3790     |
 * | 9200  | 9300     | 5000   | 3200     |
 */
export function surelySkewedMs({ askedAtMs, answeredAtMs, dateMs }: ServiceClock): number {
  return Math.max(0, dateMs - answeredAtMs, askedAtMs - (dateMs + SECOND_MS));
}

export function judgeClock(clock: ServiceClock): Finding {
  const skewMs = surelySkewedMs(clock);
  if (skewMs <= SKEW_MS) return ok('clock', `as that of ${clock.service}, to the second`);
  const way = clock.dateMs > clock.answeredAtMs ? 'ahead' : 'behind';
  return warn(
    'clock',
    `the clock of ${clock.service} is ${(skewMs / SECOND_MS).toFixed(1)} s ${way} of ours at least`,
    'Run chrony or systemd-timesyncd on both, against the same servers.',
  );
}
