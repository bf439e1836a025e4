import { describe, expect, it } from 'vitest';
import { droverSeconds } from '../../../../plugin/schedule/btrplace/drover.ts';
import { mvmSeconds } from '../../../../plugin/schedule/btrplace/duration.ts';
import { readBtrplace } from '../../../../plugin/schedule/btrplace/read.ts';
import { smallPlan } from '../../../bench/plan/generate.ts';

const vm = (memoryMegabytes: number, hotMegabytes: number, hotSeconds: number, coldMegabytesPerSecond: number) => ({
  memoryMegabytes,
  hotMegabytes,
  hotSeconds,
  coldMegabytesPerSecond,
});

describe('droverSeconds', () => {
  it.each([
    [vm(2000, 0, 0, 0), 1000, 17],
    [vm(4000, 96, 2, 80), 500, Number.POSITIVE_INFINITY],
    [vm(1, 0, 0, 0), 1000, 1],
  ])('of %o at %i Mbit/s is %d s', (memory, mbit, seconds) => {
    expect(droverSeconds(memory, mbit)).toBe(seconds);
  });

  it.each([1000, 500])('agrees with mVM of a busy one at %i Mbit/s within 15 %%', (mbit) => {
    const busy = vm(4000, 96, 2, 3);
    expect(Math.abs(droverSeconds(busy, mbit) / mvmSeconds(busy, mbit) - 1)).toBeLessThan(0.15);
    expect(droverSeconds(busy, mbit)).toBeGreaterThan(droverSeconds(vm(4000, 0, 0, 0), mbit));
  });

  it('says how long the migrations of a plan file take, instead of the file', () => {
    const published = readBtrplace(smallPlan(1), null).instance.moves;
    const { instance, memory } = readBtrplace(smallPlan(1), droverSeconds);
    const mvm = readBtrplace(smallPlan(1), mvmSeconds).instance.moves;
    for (const [at, move] of instance.moves.entries()) {
      const own = memory[at];
      expect(move.durationSeconds).toBe(own && droverSeconds(own, move.mbitPerSecond));
      // Both know of the same memory and the same rate.
      expect(Math.abs(move.durationSeconds / (mvm[at]?.durationSeconds ?? 0) - 1)).toBeLessThan(0.2);
      expect(published[at]?.vm).toBe(move.vm);
    }
  });
});
