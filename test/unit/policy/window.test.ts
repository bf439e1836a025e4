import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DailyWindow } from '../../../plugin/policy/schema/window.ts';
import { instantOf, isOpen, nextEdgeMs, openSinceMs, opensAtMs } from '../../../plugin/policy/window.ts';

const ALL = [0, 1, 2, 3, 4, 5, 6];
const night: DailyWindow = { fromMinute: 22 * 60, toMinute: 6 * 60, days: ALL, timeZone: 'Europe/Berlin' };

const at = (iso: string) => Date.parse(iso);
const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

describe('isOpen', () => {
  // Berlin is UTC+1 in winter, UTC+2 in summer.
  it.each([
    ['2026-11-24T20:59:59.999Z', false],
    ['2026-11-24T21:00:00.000Z', true],
    ['2026-11-25T04:59:59.999Z', true],
    ['2026-11-25T05:00:00.000Z', false],
    ['2026-07-01T19:59:59.999Z', false],
    ['2026-07-01T20:00:00.000Z', true],
    ['2026-07-02T04:00:00.000Z', false],
  ])('22:00 to 06:00 in Berlin, at %s: %s', (time, open) => {
    expect(isOpen(night, at(time))).toBe(open);
  });

  it('counts the day on which it begins', () => {
    const friday = { ...night, days: [5], timeZone: 'UTC' };
    expect(isOpen(friday, at('2026-11-27T23:00:00Z'))).toBe(true);
    expect(isOpen(friday, at('2026-11-28T05:00:00Z'))).toBe(true);
    expect(isOpen(friday, at('2026-11-28T23:00:00Z'))).toBe(false);
    expect(isOpen(friday, at('2026-11-27T05:00:00Z'))).toBe(false);
  });

  it('is open all day from 00:00 to 24:00, on its days', () => {
    const tuesday: DailyWindow = { fromMinute: 0, toMinute: 1440, days: [2], timeZone: 'Asia/Kolkata' };
    expect(isOpen(tuesday, at('2026-11-23T18:29:59Z'))).toBe(false);
    expect(isOpen(tuesday, at('2026-11-23T18:30:00Z'))).toBe(true);
    expect(isOpen(tuesday, at('2026-11-24T18:29:59Z'))).toBe(true);
    expect(isOpen(tuesday, at('2026-11-24T18:30:00Z'))).toBe(false);
  });
});

describe('when the clocks change in Berlin', () => {
  it('a night that loses an hour ends at six on the clock', () => {
    expect(iso(openSinceMs(night, at('2026-03-29T00:30:00Z')))).toBe('2026-03-28T21:00:00.000Z');
    expect(isOpen(night, at('2026-03-29T03:59:59Z'))).toBe(true);
    expect(isOpen(night, at('2026-03-29T04:00:00Z'))).toBe(false);
  });

  it('a night that gains an hour does too', () => {
    expect(isOpen(night, at('2026-10-25T04:59:59Z'))).toBe(true);
    expect(isOpen(night, at('2026-10-25T05:00:00Z'))).toBe(false);
  });

  it('a time that is left out counts when the clocks jump, one that comes twice the first time', () => {
    expect(iso(instantOf(at('2026-03-29T02:30:00Z'), 'Europe/Berlin'))).toBe('2026-03-29T01:00:00.000Z');
    expect(iso(instantOf(at('2026-10-25T02:30:00Z'), 'Europe/Berlin'))).toBe('2026-10-25T00:30:00.000Z');
    expect(iso(instantOf(at('2026-07-01T22:00:00Z'), 'Europe/Berlin'))).toBe('2026-07-01T20:00:00.000Z');
  });

  it('a window within the hour that is left out does not open that day', () => {
    const missing = { ...night, fromMinute: 130, toMinute: 170 };
    expect(iso(opensAtMs(missing, at('2026-03-28T12:00:00Z')))).toBe('2026-03-30T00:10:00.000Z');
  });
});

describe('opensAtMs', () => {
  it('is now while it is open, else the next opening, however many days away', () => {
    const now = at('2026-11-24T22:00:00Z');
    expect(opensAtMs(night, now)).toBe(now);
    expect(iso(opensAtMs(night, at('2026-11-24T12:00:00Z')))).toBe('2026-11-24T21:00:00.000Z');
    const monday = { ...night, days: [1], timeZone: 'UTC' };
    expect(iso(opensAtMs(monday, at('2026-11-24T06:00:00Z')))).toBe('2026-11-30T22:00:00.000Z');
  });
});

describe('nextEdgeMs', () => {
  it('is the next opening or end of any of them', () => {
    const noon: DailyWindow = { fromMinute: 720, toMinute: 780, days: ALL, timeZone: 'UTC' };
    expect(iso(nextEdgeMs([night, noon], at('2026-11-24T12:00:00Z')))).toBe('2026-11-24T13:00:00.000Z');
    expect(iso(nextEdgeMs([night, noon], at('2026-11-24T13:00:00Z')))).toBe('2026-11-24T21:00:00.000Z');
    expect(nextEdgeMs([], 0)).toBeNull();
  });
});

describe('windows in any zone at any time', () => {
  const zones = fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Asia/Kolkata',
    'Australia/Lord_Howe',
    'Africa/Casablanca',
  );
  const window = fc
    .record({
      fromMinute: fc.integer({ min: 0, max: 1439 }),
      toMinute: fc.integer({ min: 1, max: 1440 }),
      days: fc.subarray(ALL, { minLength: 1 }),
      timeZone: zones,
    })
    .filter(({ fromMinute, toMinute }) => fromMinute !== toMinute);
  const moment = fc.integer({ min: at('2024-01-01T00:00:00Z'), max: at('2030-01-01T00:00:00Z') });

  it('open exactly between the edges that they name', () => {
    fc.assert(
      fc.property(window, moment, (each, now) => {
        const open = isOpen(each, now);
        const opens = opensAtMs(each, now) as number;
        const edge = nextEdgeMs([each], now) as number;
        expect(opens === now).toBe(open);
        expect(isOpen(each, opens)).toBe(true);
        expect(openSinceMs(each, now) === null).toBe(!open);
        expect(edge).toBeGreaterThan(now);
        // Nothing changes before the next edge.
        expect(isOpen(each, Math.floor((now + edge - 1) / 2))).toBe(open);
        if (!open) expect(edge).toBe(opens);
      }),
      { numRuns: 300 },
    );
  });

  it('show on the clocks of the zone what was written', () => {
    const clock = (ms: number, timeZone: string) =>
      new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms);
    fc.assert(
      fc.property(window, moment, (each, now) => {
        const opens = opensAtMs(each, now) as number;
        fc.pre(opens > now);
        const [hours, minutes] = clock(opens, each.timeZone).split(':').map(Number) as [number, number];
        const late = hours * 60 + minutes - each.fromMinute;
        // Exactly, or at the jump over it.
        expect(late).toBeGreaterThanOrEqual(0);
        expect(late).toBeLessThanOrEqual(60);
        const before = clock(opens - 1, each.timeZone)
          .split(':')
          .map(Number) as [number, number];
        if (late > 0) expect(before[0] * 60 + before[1]).toBeLessThan(each.fromMinute);
      }),
      { numRuns: 300 },
    );
  });
});
