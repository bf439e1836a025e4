import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBtrplace } from '../../../plugin/schedule/btrplace/read.ts';
import type { Instance } from '../../../plugin/schedule/instance.ts';
import { solve } from '../../../plugin/schedule/solve.ts';
import { verify } from '../../../plugin/schedule/verify.ts';
import { scaleInstance, smallPlan } from '../../bench/plan/generate.ts';
import { instances } from './instances.ts';

/** All whole start times with a makespan below that; null if none keeps the rules. */
function shorter(instance: Instance, makespanSeconds: number): number[] | null {
  const starts: number[] = [];
  const place = (m: number): boolean => {
    const move = instance.moves[m];
    if (!move) {
      const ends = instance.moves.map(
        ({ from, durationSeconds }, index) =>
          (starts[index] ?? 0) + durationSeconds + (instance.hosts[from]?.shutdownSeconds ?? 0),
      );
      const last = Math.max(0, ...ends);
      return last < makespanSeconds && verify(instance, { starts, makespanSeconds: last }).length === 0;
    }
    for (let start = move.releaseSeconds ?? 0; start + move.durationSeconds < makespanSeconds; start++) {
      starts[m] = start;
      starts.length = m + 1;
      if (place(m + 1)) return true;
    }
    starts.length = m;
    return false;
  };
  return place(0) ? starts : null;
}

const small = instances.filter(({ moves }) => moves.length <= 4);

describe('solve', () => {
  it('keeps every rule, whatever the instance', () => {
    fc.assert(
      fc.property(instances, (instance) => {
        const solved = solve(instance, { effort: 200_000, nodes: 5000 });
        if (solved.starts.includes(null)) return;
        expect(verify(instance, solved)).toEqual([]);
        expect(solved.makespanSeconds).toBeGreaterThanOrEqual(solved.tightBoundSeconds - 1e-9);
        expect(solved.tightBoundSeconds).toBeGreaterThanOrEqual(solved.lowerBoundSeconds);
      }),
      { numRuns: 1500 },
    );
  });

  it('finds nothing longer than the best of all possible start times, and none where there is none', () => {
    fc.assert(
      fc.property(small, (instance) => {
        const solved = solve(instance);
        const longest = instance.moves.reduce((sum, move) => sum + move.durationSeconds, 12);
        const upTo = Number.isFinite(solved.makespanSeconds) ? solved.makespanSeconds : longest;
        expect(shorter(instance, Math.min(upTo, 14))).toBeNull();
        if (Number.isFinite(solved.makespanSeconds)) expect(solved.optimal).toBe(true);
      }),
      { numRuns: 600 },
    );
  }, 60_000);

  it('makes the same plan from the same seed, to the byte', () => {
    const text = scaleInstance({ hostFactor: 1, vmFactor: 2, decommissioning: true, seed: 5 });
    const plan = (seed: number) =>
      JSON.stringify(solve(readBtrplace(text, null).instance, { seed, effort: 2_000_000 }));
    expect(plan(7)).toBe(plan(7));
    expect(plan(8)).not.toBe(plan(7));
  });

  it('proves that its plans of 10 migrations on 4 hosts are the shortest', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { instance } = readBtrplace(smallPlan(seed), null);
      const solved = solve(instance);
      expect(verify(instance, solved)).toEqual([]);
      expect(solved.optimal).toBe(true);
    }
  });

  it.each([
    [1, 18, false],
    [10, 10, false],
    [1, 18, true],
    [10, 10, true],
  ])(
    'plans %i × 72 hosts and %i × 96 migrations close to the bound, decommissioning %s',
    (hostFactor, vmFactor, decommissioning) => {
      const { instance } = readBtrplace(scaleInstance({ hostFactor, vmFactor, decommissioning, seed: 1 }), null);
      const solved = solve(instance);
      expect(verify(instance, solved)).toEqual([]);
      expect(solved.makespanSeconds / solved.tightBoundSeconds).toBeLessThanOrEqual(1.05);
    },
  );

  it('stops when it is told that time is over', () => {
    const text = scaleInstance({ hostFactor: 1, vmFactor: 4, decommissioning: true, seed: 2 });
    const { instance } = readBtrplace(text, null);
    let asked = 0;
    const solved = solve(instance, { isOver: () => ++asked >= 2 });
    expect(asked).toBe(2);
    expect(verify(instance, solved)).toEqual([]);
  });

  it('says which can never start when two full hosts shall swap', () => {
    const host = (name: string) => ({ name, capacity: [1], used: [1], bootSeconds: 0, shutdownSeconds: null });
    const move = (vm: number, from: number, to: number) => ({
      vm,
      from,
      to,
      mbitPerSecond: 1,
      durationSeconds: 1,
      uses: [],
      demand: [1],
    });
    const swap: Instance = {
      resources: ['mem'],
      links: [],
      hosts: [host('a'), host('b')],
      moves: [move(1, 0, 1), move(2, 1, 0)],
    };
    const solved = solve(swap);
    expect(solved.starts).toEqual([null, null]);
    expect(solved.makespanSeconds).toBe(Number.POSITIVE_INFINITY);
    expect(solved.optimal).toBe(false);
  });

  it('finds the only order that room allows', () => {
    // c has room for one; a is full until VM 2 has left it for c; VM 1 would take c's room and nothing could follow.
    const host = (name: string, capacity: number, used: number) => ({
      name,
      capacity: [capacity],
      used: [used],
      bootSeconds: 0,
      shutdownSeconds: null,
    });
    const move = (vm: number, from: number, to: number, durationSeconds: number) => ({
      vm,
      from,
      to,
      mbitPerSecond: 1,
      durationSeconds,
      uses: [],
      demand: [1],
    });
    const instance: Instance = {
      resources: ['mem'],
      links: [],
      hosts: [host('a', 1, 1), host('b', 1, 1), host('c', 2, 1), host('d', 9, 1)],
      moves: [move(1, 3, 2, 9), move(2, 0, 2, 1), move(3, 2, 0, 1)],
    };
    const solved = solve(instance);
    expect(verify(instance, solved)).toEqual([]);
    expect(solved.starts[1]).toBeLessThan(solved.starts[0] ?? 0);
  });
});
