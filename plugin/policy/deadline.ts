import type { Priority, Reason } from '../contract.ts';
import type { Policy } from './schema.ts';

/** The owner's wish on the server: when its migration must have ended, e.g. `2026-12-01T04:00:00Z`. */
export const DEADLINE_KEY = 'drover:deadline';

export interface Deadline {
  /** Unix time, ms; null: there is none. */
  atMs: number | null;
  /** What was not taken as it was asked for, and why. */
  reason: Reason | null;
}

/** ISO 8601 with its zone: without one nobody knows which 4 o'clock is meant. */
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/**
 * When a migration must have ended: what the server's `drover:deadline` says, else `deadlines.default` of its priority
 * counted from the arrival, in either case no later than `deadlines.max` after it.
 *
 * Arrival 12:00, default of its priority 2 h, max 6 h:
 *
 * | drover:deadline | deadline | reason             |
 * |-----------------|----------|--------------------|
 * | none            | 14:00    |                    |
 * | 13:00Z          | 13:00    |                    |
 * | 23:00Z          | 18:00    | deadline-shortened |
 * | tomorrow        | 14:00    | deadline-invalid   |
 */
export function deadlineOf(
  { deadlines }: Pick<Policy, 'deadlines'>,
  priority: Priority,
  { receivedAtMs, server }: { receivedAtMs: number; server: { metadata: Readonly<Record<string, string>> } },
): Deadline {
  const fallbackMs = deadlines.defaultMs[priority];
  const byDefault = fallbackMs === null ? null : receivedAtMs + fallbackMs;
  const text = Object.hasOwn(server.metadata, DEADLINE_KEY) ? server.metadata[DEADLINE_KEY] : undefined;
  if (text === undefined) return { atMs: byDefault, reason: null };
  const asked = ISO.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isFinite(asked)) {
    const why = `${DEADLINE_KEY}=${text.slice(0, 60)} is not understood and does not count: write a time with its zone, as 2026-12-01T04:00:00Z`;
    return { atMs: byDefault, reason: { code: 'deadline-invalid', text: why } };
  }
  const latest = deadlines.maxMs === null ? Number.POSITIVE_INFINITY : receivedAtMs + deadlines.maxMs;
  if (asked <= latest) return { atMs: asked, reason: null };
  const why = `${DEADLINE_KEY}=${text} is further away than deadlines.max: ${new Date(latest).toISOString()} counts`;
  return { atMs: latest, reason: { code: 'deadline-shortened', text: why } };
}
