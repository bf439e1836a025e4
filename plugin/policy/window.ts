import type { DailyWindow } from './schema/window.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** One opening of a window, Unix ms; the end is no longer part of it. */
export interface Opening {
  fromMs: number;
  toMs: number;
}

/** Is the window open at this moment? */
export function isOpen(window: DailyWindow, nowMs: number): boolean {
  return openings(window, nowMs, 0).some(({ fromMs, toMs }) => fromMs <= nowMs && nowMs < toMs);
}

/** When it opened, if it is open; else null. */
export function openSinceMs(window: DailyWindow, nowMs: number): number | null {
  return openings(window, nowMs, 0).find(({ fromMs, toMs }) => fromMs <= nowMs && nowMs < toMs)?.fromMs ?? null;
}

const MOST_DAYS_OPEN = 8;

/**
 * Since when one of the windows or another has been open without a pause: what ends at midnight where the next begins is
 * one time. Null: none is open; minus infinity: there is no pause in a whole week.
 *
 * | windows                          | at        | since     |
 * |----------------------------------|-----------|-----------|
 * | sat and sun, 00:00 to 24:00      | sun 03:00 | sat 00:00 |
 * | 20:00 to 02:00 and 01:00 to 06:00 | 05:00     | 20:00     |
 */
export function openTogetherSinceMs(windows: readonly DailyWindow[], nowMs: number): number | null {
  const earliest = (atMs: number) => {
    const opened = windows.flatMap((window) => openSinceMs(window, atMs) ?? []);
    return opened.length === 0 ? null : Math.min(...opened);
  };
  let since = earliest(nowMs);
  for (let before = since; before !== null; before = earliest(before - 1)) {
    if (nowMs - before > MOST_DAYS_OPEN * DAY_MS) return Number.NEGATIVE_INFINITY;
    since = before;
  }
  return since;
}

/** When it opens next, or `nowMs` if it is open; null if it never does. */
export function opensAtMs(window: DailyWindow, nowMs: number): number | null {
  const next = openings(window, nowMs).find(({ toMs }) => nowMs < toMs);
  return next ? Math.max(nowMs, next.fromMs) : null;
}

/** The next moment, after `nowMs`, at which one of the windows opens or closes; null if there is none. */
export function nextEdgeMs(windows: readonly DailyWindow[], nowMs: number): number | null {
  const edges = windows.flatMap((window) => openings(window, nowMs).flatMap(({ fromMs, toMs }) => [fromMs, toMs]));
  const later = edges.filter((edge) => edge > nowMs);
  return later.length === 0 ? null : Math.min(...later);
}

/** Can two windows be open at the same time? Answered for the year from `nowMs`, in which all clocks change as usual. */
export function windowsOverlap(a: DailyWindow, b: DailyWindow): boolean {
  if (a.timeZone === b.timeZone) {
    const shifted = minutesOfWeek(a);
    return minutesOfWeek(b).some(([from, to]) => shifted.some(([start, end]) => from < end && start < to));
  }
  // Clocks of two zones move against each other through the year: all that could meet on some day counts.
  return true;
}

/** Openings as minutes from Sunday's midnight; one that passes Saturday's midnight is in two parts. */
export function minutesOfWeek({ fromMinute, toMinute, days }: DailyWindow): [number, number][] {
  const WEEK = 7 * 24 * 60;
  const length = toMinute > fromMinute ? toMinute - fromMinute : toMinute + 24 * 60 - fromMinute;
  return days.flatMap((day): [number, number][] => {
    const start = day * 24 * 60 + fromMinute;
    const end = start + length;
    return end <= WEEK
      ? [[start, end]]
      : [
          [start, WEEK],
          [0, end - WEEK],
        ];
  });
}

/** The openings from the one that may still run to that of so many days ahead, in order. */
function openings(window: DailyWindow, nowMs: number, daysAhead = 8): Opening[] {
  const { fromMinute, toMinute, days, timeZone } = window;
  const today = wallClock(nowMs, timeZone);
  const found: Opening[] = [];
  for (let ahead = -1; ahead <= daysAhead; ahead++) {
    const midnight = Math.floor(today / DAY_MS) * DAY_MS + ahead * DAY_MS;
    if (!days.includes(new Date(midnight).getUTCDay())) continue;
    const fromMs = instantOf(midnight + fromMinute * MINUTE_MS, timeZone);
    const endDay = toMinute > fromMinute ? midnight : midnight + DAY_MS;
    const toMs = instantOf(endDay + toMinute * MINUTE_MS, timeZone);
    // Both ends may fall into the hour that is left out when the clocks go forward.
    if (fromMs < toMs) found.push({ fromMs, toMs });
  }
  return found;
}

/**
 * When the clocks of a zone first show this time or a later one of that day. A time that comes twice (clocks go back)
 * counts the first time; one that is left out (clocks go forward) counts when the clocks jump over it.
 *
 * | zone          | its clocks show  | UTC              |                                   |
 * |---------------|------------------|------------------|-----------------------------------|
 * | Europe/Berlin | 2026-07-01 22:00 | 2026-07-01 20:00 |                                   |
 * | Europe/Berlin | 2026-03-29 02:30 | 2026-03-29 01:00 | left out: 02:00 is 03:00          |
 * | Europe/Berlin | 2026-10-25 02:30 | 2026-10-25 00:30 | comes twice: an hour later again  |
 *
 * @param wallMs the time on the clocks, as if it were UTC.
 */
export function instantOf(wallMs: number, timeZone: string): number {
  const before = offsetMs(wallMs - DAY_MS, timeZone);
  const after = offsetMs(wallMs + DAY_MS, timeZone);
  for (const instant of [wallMs - before, wallMs - after].sort((a, b) => a - b)) {
    if (wallClock(instant, timeZone) === wallMs) return instant;
  }
  // Left out: between the two lies the jump.
  let low = wallMs - Math.max(before, after) - MINUTE_MS;
  let high = wallMs - Math.min(before, after) + MINUTE_MS;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (wallClock(middle, timeZone) >= wallMs) high = middle;
    else low = middle;
  }
  return high;
}

function offsetMs(instantMs: number, timeZone: string): number {
  return wallClock(instantMs, timeZone) - instantMs;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What the clocks of the zone show, as if it were UTC. */
function wallClock(instantMs: number, timeZone: string): number {
  let format = formats.get(timeZone);
  if (!format) {
    const digits = { month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;
    format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', era: 'short', year: 'numeric', ...digits });
    formats.set(timeZone, format);
  }
  const parts = new Map(format.formatToParts(instantMs).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  const seconds = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  const milliseconds = ((instantMs % 1000) + 1000) % 1000;
  return seconds + milliseconds;
}
