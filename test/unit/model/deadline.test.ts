import { describe, expect, it } from 'vitest';
import { admitDeadline } from '../../../plugin/model/deadline.ts';

const NOW = 1_800_000_000_000;
const seconds = (value: number) => NOW + 1000 * value;
const ask = (deadline: number, plannedStart: number, change = {}) =>
  admitDeadline({
    nowMs: NOW,
    deadlineAtMs: seconds(deadline),
    plannedStartAtMs: seconds(plannedStart),
    earliestStartAtMs: NOW,
    queuePosition: 3,
    totalMigrationTimeMs: { value: 10_000, low: 8000, high: 14_000 },
    ...change,
  });

describe('a deadline', () => {
  it.each([
    [20, 0, 'accept', 'deadline-kept'],
    [15, 0, 'accept', 'deadline-kept'],
    [13, 0, 'warn', 'deadline-close'],
    [20, 30, 'warn', 'deadline-behind-queue'],
    [8, 0, 'refuse', 'deadline-unreachable'],
  ] as const)('of %s s, planned to start in %s s: %s', (deadline, start, verdict, code) => {
    const answer = ask(deadline, start);
    expect(answer.verdict).toBe(verdict);
    expect(answer.reasons.map((reason) => reason.code)).toEqual([code]);
  });

  it('that is refused is told the earliest possible time', () => {
    const answer = ask(8, 0);
    expect(answer.earliestEndAtMs).toBe(seconds(9));
    expect(answer.reasons[0]?.text).toContain(new Date(seconds(9)).toISOString());
  });

  it('in the past is refused, whatever the start', () => {
    expect(ask(-1, -100, { earliestStartAtMs: seconds(-100) }).verdict).toBe('refuse');
  });

  it('of a migration that never ends is refused', () => {
    const never = Number.POSITIVE_INFINITY;
    const answer = ask(1e6, 0, { totalMigrationTimeMs: { value: never, low: never, high: never } });
    expect(answer.verdict).toBe('refuse');
    expect(answer.reasons[0]?.code).toBe('never-ends');
  });
});
