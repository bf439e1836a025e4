import { describe, expect, it } from 'vitest';
import type { Instance, Move } from '../../../plugin/schedule/instance.ts';
import { verify } from '../../../plugin/schedule/verify.ts';

const host = (name: string, memory: number, used: number) => ({
  name,
  capacity: [memory],
  used: [used],
  bootSeconds: 0,
  shutdownSeconds: null as number | null,
});

function move(vm: number, more: Partial<Move> = {}): Move {
  return {
    vm,
    from: 0,
    to: 1,
    mbitPerSecond: 1000,
    durationSeconds: 10,
    uses: [{ link: 0, amount: 1000 }],
    demand: [2],
    ...more,
  };
}

function instance(moves: Move[], hosts = [host('a', 8, 4), host('b', 8, 0)]): Instance {
  return { resources: ['mem'], links: [{ name: 'a up', capacity: 1000 }], hosts, moves };
}

describe('verify', () => {
  it('accepts one after the other', () => {
    expect(verify(instance([move(1), move(2)]), { starts: [0, 10], makespanSeconds: 20 })).toEqual([]);
  });

  it('sees a link that carries too much', () => {
    const broken = verify(instance([move(1), move(2)]), { starts: [0, 9], makespanSeconds: 19 });
    expect(broken).toEqual(['a up carries 2000 of 1000 at 9 s']);
  });

  it('counts a VM on its destination from the start and on its source until the end', () => {
    const swap = [move(1, { uses: [] }), move(2, { from: 1, to: 0, uses: [] })];
    const full = [host('a', 2, 2), host('b', 4, 2)];
    expect(verify(instance(swap, full), { starts: [0, 10], makespanSeconds: 20 })).toEqual([]);
    expect(verify(instance(swap, full), { starts: [0, 9], makespanSeconds: 19 })).toEqual(['a: mem 4 of 2 at 9 s']);
  });

  it('sees release, boot, order, serial groups, what never starts and a wrong makespan', () => {
    const boots = [host('a', 8, 4), { ...host('b', 8, 0), bootSeconds: 5 }];
    const texts = (moves: Move[], starts: (number | null)[], makespanSeconds: number, hosts = boots) =>
      verify(instance(moves, hosts), { starts, makespanSeconds });
    expect(texts([move(1)], [4], 14)).toEqual(['VM 1 arrives before b has booted']);
    expect(texts([move(1, { releaseSeconds: 7 })], [6], 16)).toEqual(['VM 1 starts before its release']);
    expect(texts([move(1), move(2, { after: [0], uses: [] })], [5, 14], 24)).toEqual([
      'VM 2 starts before VM 1 has ended',
    ]);
    const group = { serialGroup: 'g', uses: [] };
    expect(texts([move(1, group), move(2, group)], [5, 14], 24)).toEqual(['serial group g: two run at 14 s']);
    expect(texts([move(1)], [null], Number.POSITIVE_INFINITY)).toContain('VM 1 never starts');
    expect(texts([move(1)], [5], 14)).toEqual(['the makespan is 15 s, not 14 s']);
    const off = [{ ...host('a', 8, 4), shutdownSeconds: 3 }, host('b', 8, 0)];
    expect(texts([move(1)], [0], 13, off)).toEqual([]);
  });
});
