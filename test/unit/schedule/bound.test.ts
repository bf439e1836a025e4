import { describe, expect, it } from 'vitest';
import { lowerBound, tightBound } from '../../../plugin/schedule/bound.ts';
import type { Host, Instance } from '../../../plugin/schedule/instance.ts';
import { problemOf } from '../../../plugin/schedule/problem.ts';

/** Ten moves of 30 s through one link, each from a host of its own; an eleventh of 18 s leaves the destination. */
function tenTo(destination: Partial<Host>, shutdownSeconds: number | null): Instance {
  const host = (name: string): Host => ({ name, capacity: [99], used: [1], bootSeconds: 0, shutdownSeconds });
  const away = { ...host('away'), shutdownSeconds: null };
  return {
    resources: ['mem'],
    links: [{ name: 'down', capacity: 1000 }],
    hosts: [
      { name: 'to', capacity: [99], used: [1], bootSeconds: 0, shutdownSeconds: null, ...destination },
      ...Array.from({ length: 10 }, (_, index) => host(`from ${index}`)),
      away,
    ],
    moves: [
      ...Array.from({ length: 10 }, (_, index) => ({
        vm: index,
        from: 1 + index,
        to: 0,
        mbitPerSecond: 1000,
        durationSeconds: 30,
        uses: [{ link: 0, amount: 1000 }],
        demand: [0.1],
      })),
      { vm: 10, from: 0, to: 11, mbitPerSecond: 1000, durationSeconds: 18, uses: [], demand: [1] },
    ],
  };
}

describe('bounds', () => {
  it.each([
    ['a host that is on', {}, null, 300, 300],
    ['a host that boots', { bootSeconds: 120 }, null, 300, 420],
    ['a host that boots, from hosts that shut down', { bootSeconds: 120 }, 17, 300, 437],
    ['a full host', { capacity: [1] }, null, 300, 318],
  ])('of ten moves of 30 s to %s', (_, destination, shutdownSeconds, low, tight) => {
    const instance = tenTo(destination, shutdownSeconds);
    const problem = problemOf(instance);
    expect(lowerBound(instance, problem)).toBe(low);
    expect(tightBound(instance, problem)).toBe(tight);
  });

  it('count the longest single chain', () => {
    const instance = tenTo({ bootSeconds: 500 }, 17);
    expect(lowerBound(instance, problemOf(instance))).toBe(547);
  });
});
