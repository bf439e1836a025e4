import type { DailyWindow } from './schema/window.ts';
import { minutesOfWeek } from './window.ts';

const WEEK = 7 * 24 * 60;

/** The times of a week, in minutes from Sunday's midnight on the clocks of one zone, in order and apart. */
type Week = [from: number, to: number][];

/**
 * When windows are open in a week, those that touch as one; the hours by which a change of the clocks moves them are left
 * out of account. Null: they are of several zones, whose clocks move against each other through the year.
 */
export function weekOf(windows: readonly DailyWindow[]): Week | null {
  if (new Set(windows.map(({ timeZone }) => timeZone)).size > 1) return null;
  const week: Week = [];
  for (const [from, to] of windows.flatMap(minutesOfWeek).sort(([a], [b]) => a - b)) {
    const last = week.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else week.push([from, to]);
  }
  return week;
}

/** The longest time without a pause, minutes: over the night to Sunday too; infinite where there is no pause. */
export function longestOpen(week: Week): number {
  const [first, last] = [week[0], week.at(-1)];
  if (!first || !last) return 0;
  if (first[0] === 0 && last[1] === WEEK) {
    if (week.length === 1) return Number.POSITIVE_INFINITY;
    return Math.max(first[1] + WEEK - last[0], ...week.slice(1, -1).map(length));
  }
  return Math.max(...week.map(length));
}

/** The longest pause, minutes; 0 where there is none. */
export function longestClosed(week: Week): number {
  const pauses = week.map(([, to], index): [number, number] => {
    const next = week[index + 1] ?? week[0];
    return [to, index + 1 < week.length ? (next?.[0] ?? to) : (next?.[0] ?? 0) + WEEK];
  });
  return Math.max(0, ...pauses.map(length));
}

/** True if it is open at all times of the other. */
export function isWithin(inner: Week, outer: Week): boolean {
  return inner.every(([from, to]) => outer.some(([start, end]) => start <= from && to <= end));
}

function length([from, to]: [number, number]): number {
  return to - from;
}
