/** When Nova was asked for a migration, and what its notifications have told since. */
export interface Asking {
  /** Nova has shown its record. */
  found: boolean;
  askedAtMs: number;
  /** When a notification last said that something changed; null: none did. */
  toldAtMs: number | null;
  /** When a notification last said that it ends. */
  endToldAtMs: number | null;
  /** The source's nova-compute will tell the end. */
  tells: boolean;
}

/** Why Nova is asked: once more for its record, as it was told something, often or seldom as nothing was. */
export type Pace = 'record' | 'told' | 'often' | 'seldom';

const FIND_RECORD_EVERY_MS = 250;
/** Where nobody tells; hostd's long poll tells everything that is urgent. */
const OFTEN_MS = 700;
/** Where notifications come: one may be lost. */
const SELDOM_MS = 5000;
/** Nova writes the end down some ten milliseconds after it has told it (nova/compute/manager.py). */
const ENDING_MS = 100;
/** It then has not ended, or Nova's database is slow. */
const ENDING_FOR_MS = 3000;

/**
 * When Nova is asked next for one migration. Pure.
 *
 * | known                                                  | asked                      |
 * |--------------------------------------------------------|----------------------------|
 * | Nova has no record of it yet                           | every 250 ms               |
 * | its end was told within the last 3 s                   | at once, then every 100 ms |
 * | a change was told since the last question              | at once                    |
 * | the source's nova-compute is known to tell             | every 5 s                  |
 * | otherwise                                              | every 700 ms               |
 */
export function nextQuestion(asking: Asking, nowMs: number): { atMs: number; pace: Pace } {
  const { found, askedAtMs, toldAtMs, endToldAtMs, tells } = asking;
  if (!found) return { atMs: askedAtMs + FIND_RECORD_EVERY_MS, pace: 'record' };
  if (endToldAtMs !== null && nowMs - endToldAtMs < ENDING_FOR_MS) {
    return { atMs: endToldAtMs >= askedAtMs ? nowMs : askedAtMs + ENDING_MS, pace: 'told' };
  }
  if (toldAtMs !== null && toldAtMs >= askedAtMs) return { atMs: nowMs, pace: 'told' };
  return tells ? { atMs: askedAtMs + SELDOM_MS, pace: 'seldom' } : { atMs: askedAtMs + OFTEN_MS, pace: 'often' };
}
