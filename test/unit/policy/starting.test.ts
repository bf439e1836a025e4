import { describe, expect, it } from 'vitest';
import type { Priority } from '../../../plugin/contract.ts';
import type { DailyWindow } from '../../../plugin/policy/schema/window.ts';
import { startTimes, startTimesAhead } from '../../../plugin/policy/starting.ts';

const ALL = [0, 1, 2, 3, 4, 5, 6];
const at = (iso: string) => Date.parse(iso);

function low(from: string, to: string, days = ALL): DailyWindow & { priority: Priority[] } {
  const minutes = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
  return { priority: ['low'], fromMinute: minutes(from), toMinute: minutes(to), days, timeZone: 'Europe/Berlin' };
}

function since(windows: ReturnType<typeof low>[], iso: string): string | number {
  const { openSinceMs } = startTimes({ windows }, at(iso)).low;
  expect(startTimesAhead({ windows }, 'low')?.(at(iso)).openSinceMs).toBe(openSinceMs);
  return Number.isFinite(openSinceMs) ? new Date(openSinceMs).toISOString() : openSinceMs;
}

/** `maxWait` counts from there: a midnight at which nothing closes must not let it count anew. */
describe('since when a priority may start', () => {
  const WEEKEND = [low('00:00', '24:00', [6, 0])];

  it('is when the first of windows that touch opened', () => {
    // Sunday, half past two in Berlin.
    expect(since(WEEKEND, '2026-11-29T01:30:00Z')).toBe('2026-11-27T23:00:00.000Z');
    const evening = [low('20:00', '24:00'), low('00:00', '06:00')];
    expect(since(evening, '2026-11-25T04:00:00Z')).toBe('2026-11-24T19:00:00.000Z');
  });

  it('is when the first of windows that overlap opened, though that one is over', () => {
    expect(since([low('20:00', '02:00'), low('01:00', '06:00')], '2026-11-25T04:00:00Z')).toBe(
      '2026-11-24T19:00:00.000Z',
    );
  });

  it('does not go back over a pause of a minute', () => {
    expect(since([low('20:00', '23:59'), low('00:00', '06:00')], '2026-11-25T04:00:00Z')).toBe(
      '2026-11-24T23:00:00.000Z',
    );
  });

  it('is always, where the windows leave no pause', () => {
    expect(since([low('00:00', '24:00')], '2026-11-25T04:00:00Z')).toBe(Number.NEGATIVE_INFINITY);
    expect(since([low('06:00', '18:00'), low('18:00', '06:00')], '2026-11-25T04:00:00Z')).toBe(
      Number.NEGATIVE_INFINITY,
    );
  });

  it('is now while none is open', () => {
    expect(since(WEEKEND, '2026-11-25T04:00:00Z')).toBe('2026-11-25T04:00:00.000Z');
  });
});
