import type { Reason } from '../contract.ts';
import type { Estimate } from './interval.ts';

export interface DeadlineQuestion {
  /** Unix time, ms, all three. */
  nowMs: number;
  /** When it is to be over. */
  deadlineAtMs: number;
  /** When the plan as it stands would start it. */
  plannedStartAtMs: number;
  /** When it could start if it went before everything that waits. */
  earliestStartAtMs: number;
  /** How many stand before it in the queue. */
  queuePosition: number;
  /** Alone on its links. */
  totalMigrationTimeMs: Estimate;
  /** How many times longer it takes beside others, as planned; at least 1. Default 1. */
  stretch?: number;
}

export interface DeadlineAnswer {
  verdict: 'accept' | 'warn' | 'refuse';
  /** When it is expected to be over, as the plan stands; Infinity: never. */
  endAtMs: Estimate;
  /** The earliest that it could be over, by the lower end of the interval and with nothing before it. */
  earliestEndAtMs: number;
  reasons: Reason[];
}

/** From Nova's 202 to QEMU's set-up: conductor, scheduler and the pre-checks of both computes (about 1 s in the lab). */
export const NOVA_BEFORE_QEMU_MS = 1000;

/**
 * Can it be over by its deadline? Refused is only what cannot, whatever is moved out of its way; accepted without a word
 * is what the plan keeps even if the migration takes as long as nine of ten do.
 *
 * TMT 10 s (8 to 14), Nova 1 s; seconds from now:
 *
 * | deadline | planned start | earliest start | verdict | why                                        |
 * |----------|---------------|----------------|---------|--------------------------------------------|
 * | 20       | 0             | 0              | accept  | over by 15 at the latest                   |
 * | 13       | 0             | 0              | warn    | expected at 11, may take until 15          |
 * | 20       | 30            | 0              | warn    | waits too long; first, it would be over by 11 |
 * | 8        | 0             | 0              | refuse  | not before 9                               |
 */
export function admitDeadline(question: DeadlineQuestion): DeadlineAnswer {
  const { nowMs, deadlineAtMs, queuePosition, totalMigrationTimeMs: takes, stretch = 1 } = question;
  const earliestStart = Math.max(nowMs, question.earliestStartAtMs);
  const start = Math.max(earliestStart, question.plannedStartAtMs) + NOVA_BEFORE_QEMU_MS;
  const endAtMs = {
    value: start + stretch * takes.value,
    low: start + stretch * takes.low,
    high: start + stretch * takes.high,
  };
  const earliestEndAtMs = earliestStart + NOVA_BEFORE_QEMU_MS + takes.low;
  const answer = (verdict: DeadlineAnswer['verdict'], code: string, text: string): DeadlineAnswer => ({
    verdict,
    endAtMs,
    earliestEndAtMs,
    reasons: [{ code, text }],
  });

  if (!Number.isFinite(takes.value)) {
    return answer('refuse', 'never-ends', 'it would not end: its memory changes faster than the link carries it');
  }
  if (earliestEndAtMs > deadlineAtMs) {
    const text = `it cannot be over before ${iso(earliestEndAtMs)}, even if it starts first and goes well: ask for that time or later`;
    return answer('refuse', 'deadline-unreachable', text);
  }
  if (endAtMs.high <= deadlineAtMs) {
    return answer(
      'accept',
      'deadline-kept',
      `it is expected to be over at ${iso(endAtMs.value)}, by ${iso(endAtMs.high)} at the latest`,
    );
  }
  if (endAtMs.value > deadlineAtMs && start > earliestStart + NOVA_BEFORE_QEMU_MS) {
    const text = `${queuePosition} migration(s) stand before it: expected to be over at ${iso(endAtMs.value)}; a higher priority would bring that to ${iso(earliestStart + NOVA_BEFORE_QEMU_MS + takes.value)}`;
    return answer('warn', 'deadline-behind-queue', text);
  }
  const text = `it is expected to be over at ${iso(endAtMs.value)}, but may take until ${iso(endAtMs.high)}`;
  return answer('warn', 'deadline-close', text);
}

/** A time that never comes has no date. */
function iso(atMs: number): string {
  return Math.abs(atMs) <= 8.64e15 ? new Date(Math.round(atMs)).toISOString() : 'no time that can be told';
}
