import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DailyWindow } from '../../../plugin/policy/schema/window.ts';
import { longestClosed, longestOpen, weekOf } from '../../../plugin/policy/week.ts';
import { isOpen } from '../../../plugin/policy/window.ts';

const ALL = [0, 1, 2, 3, 4, 5, 6];
const HOUR = 60;

function window(from: number, to: number, days = ALL, timeZone = 'UTC'): DailyWindow {
  return { fromMinute: from * HOUR, toMinute: to * HOUR, days, timeZone };
}

function longest(...windows: DailyWindow[]): [open: number, closed: number] {
  const week = weekOf(windows);
  if (week === null) throw new Error('of several zones');
  return [longestOpen(week) / HOUR, longestClosed(week) / HOUR];
}

describe('the longest time that windows are open, and closed', () => {
  it.each<[string, DailyWindow[], [number, number]]>([
    ['a night', [window(22, 6)], [8, 16]],
    ['a night of one day', [window(22, 6, [5])], [8, 160]],
    ['two that touch at midnight', [window(20, 24), window(0, 6)], [10, 14]],
    ['a weekend, over the end of the week', [window(0, 24, [6, 0])], [48, 120]],
    ['two that overlap', [window(1, 3), window(2, 5)], [4, 20]],
    ['the whole week', [window(0, 24)], [Number.POSITIVE_INFINITY, 0]],
    ['the whole week in halves', [window(6, 18), window(18, 6)], [Number.POSITIVE_INFINITY, 0]],
  ])('%s', (_, windows, expected) => {
    expect(longest(...windows)).toEqual(expected);
  });

  it('is not known of windows of two zones', () => {
    expect(weekOf([window(1, 2), window(2, 3, ALL, 'Europe/Berlin')])).toBeNull();
  });

  it('is what a look at every hour of a fortnight finds', () => {
    const hours = fc
      .record({
        from: fc.integer({ min: 0, max: 23 }),
        to: fc.integer({ min: 1, max: 24 }),
        days: fc.subarray(ALL, { minLength: 1 }),
      })
      .filter(({ from, to }) => from !== to)
      .map(({ from, to, days }) => window(from, to, days));
    fc.assert(
      fc.property(fc.array(hours, { minLength: 1, maxLength: 3 }), (windows) => {
        const start = Date.parse('2026-11-22T00:00:00Z');
        const open = Array.from({ length: 24 * 15 }, (_, hour) =>
          windows.some((each) => isOpen(each, start + hour * 3600e3)),
        );
        const runs = (of: boolean) =>
          open
            .map((each) => (each === of ? '1' : ' '))
            .join('')
            .split(/ +/)
            .map(({ length }) => length);
        const [most, least] = longest(...windows);
        if (open.every(Boolean)) expect([most, least]).toEqual([Number.POSITIVE_INFINITY, 0]);
        else expect([most, least]).toEqual([Math.max(...runs(true)), Math.max(...runs(false))]);
      }),
      { numRuns: 50 },
    );
  });
});
