import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Priority } from '../../../../plugin/contract.ts';
import { courses, starved } from './ageing.ts';
import { type Arrival, type Course, playForward } from './forward.ts';
import { seedPolicy } from './worlds.ts';

const idle = { tx: 0, rx: 0 };

/** Between two idle hosts, one at a time. */
function course(arrivals: Pick<Arrival, 'atMs' | 'priority' | 'workMs'>[], maxWaitMs: number): Course {
  const way = { source: 'compute-1', destination: 'compute-2' };
  return {
    policy: seedPolicy({ maxWaitMs }),
    hosts: { 'compute-1': idle, 'compute-2': idle },
    limit: 1,
    arrivals: arrivals.map((each) => ({ ...way, ...each })),
  };
}

describe('plan, played to the end', { timeout: 240_000 }, () => {
  it('starves nobody, whatever comes: who has waited maxWait waits only for what ran and for who came before', () => {
    fc.assert(
      fc.property(courses, (drawn) => {
        const { lives, breaches } = playForward(drawn);
        expect([...breaches, ...starved(drawn, lives)]).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  it('keeps that bound where nobody can look ahead, too', () => {
    const blind = () => {
      throw new Error('no foresight');
    };
    fc.assert(
      fc.property(courses, (drawn) => {
        const { lives, breaches } = playForward(drawn, blind);
        expect([...breaches, ...starved(drawn, lives)]).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('starts a low one among endless high ones at the first end after maxWait', () => {
    const tenSeconds = 10_000;
    const endless = Array.from({ length: 90 }, (_, at) => ({
      atMs: Math.max(0, at - 1) * tenSeconds,
      priority: 'high' as const,
      workMs: tenSeconds,
    }));
    const maxWaitMs = 10 * 60_000;
    const { lives, breaches } = playForward(
      course([{ atMs: 0, priority: 'low', workMs: 5000 }, ...endless], maxWaitMs),
    );
    expect(breaches).toEqual([]);
    const startMs = lives[0]?.startMs ?? Number.POSITIVE_INFINITY;
    expect(startMs).toBeGreaterThanOrEqual(maxWaitMs);
    expect(startMs).toBeLessThan(maxWaitMs + tenSeconds);
  });

  it('starts everything, highs first', () => {
    const all = (['low', 'medium', 'high'] as const).map((priority: Priority) => ({ atMs: 0, priority, workMs: 5000 }));
    const { lives } = playForward(course(all, 600_000));
    const byStart = [...lives].sort((a, b) => (a.startMs ?? 0) - (b.startMs ?? 0));
    expect(byStart.map(({ priority }) => priority)).toEqual(['high', 'medium', 'low']);
    expect(lives.every(({ endMs }) => endMs !== null)).toBe(true);
  });
});
