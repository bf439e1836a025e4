import { describe, expect, it } from 'vitest';
import { deadlineOf } from '../../../plugin/policy/deadline.ts';

const HOUR = 3_600_000;
const NOON = Date.parse('2026-11-24T12:00:00Z');
const policy = {
  deadlines: {
    defaultMs: { high: 2 * HOUR, medium: null, low: null },
    maxMs: 6 * HOUR,
    admission: 'accept' as const,
  },
};
const of = (priority: 'high' | 'low', deadline?: string) =>
  deadlineOf(policy, priority, {
    receivedAtMs: NOON,
    server: { metadata: deadline === undefined ? {} : { 'drover:deadline': deadline } },
  });

describe('deadlineOf', () => {
  it('takes the default of the priority, counted from the arrival, where the server says nothing', () => {
    expect(of('high')).toEqual({ atMs: NOON + 2 * HOUR, reason: null });
    expect(of('low')).toEqual({ atMs: null, reason: null });
  });

  it('takes what the server says, in any zone, earlier or later than the default', () => {
    expect(of('high', '2026-11-24T13:00:00Z')).toEqual({ atMs: NOON + HOUR, reason: null });
    expect(of('high', '2026-11-24T17:00:00+01:00')).toEqual({ atMs: NOON + 4 * HOUR, reason: null });
    expect(of('low', '2026-11-24T13:00Z').atMs).toBe(NOON + HOUR);
  });

  it('shortens what is further away than deadlines.max, and says so', () => {
    const { atMs, reason } = of('low', '2026-11-25T12:00:00Z');
    expect(atMs).toBe(NOON + 6 * HOUR);
    expect(reason).toMatchObject({ code: 'deadline-shortened', text: expect.stringContaining('2026-11-24T18:00:00') });
  });

  it.each(['tomorrow', '2026-11-24T13:00:00', '2026-11-24', '2026-13-40T99:00:00Z', '1800000000000', ''])(
    'does not guess what %j means: the default counts and the reason says what to write',
    (text) => {
      const { atMs, reason } = of('high', text);
      expect(atMs).toBe(NOON + 2 * HOUR);
      expect(reason).toMatchObject({ code: 'deadline-invalid', text: expect.stringContaining('with its zone') });
    },
  );
});
