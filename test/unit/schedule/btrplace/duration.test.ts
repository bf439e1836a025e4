import { describe, expect, it } from 'vitest';
import { mvmSeconds } from '../../../../plugin/schedule/btrplace/duration.ts';

const vm = (memoryMegabytes: number, hotMegabytes: number, hotSeconds: number, coldMegabytesPerSecond: number) => ({
  memoryMegabytes,
  hotMegabytes,
  hotSeconds,
  coldMegabytesPerSecond,
});

describe('mvmSeconds', () => {
  it.each([
    [vm(2000, 5, 3, 0), 1000, 18],
    [vm(4000, 5, 3, 0), 1000, 36],
    [vm(2000, 96, 2, 3), 1000, 20],
    [vm(4000, 96, 2, 3), 1000, 38],
    [vm(2000, 96, 2, 2), 500, 50],
  ])('of %o at %i Mbit/s is %i s', (memory, mbit, seconds) => {
    expect(mvmSeconds(memory, mbit)).toBe(seconds);
  });

  it('is one second at least, also without hot pages', () => {
    expect(mvmSeconds(vm(1, 0, 0, 0), 1000)).toBe(1);
  });

  it('counts no cold pages where all memory goes over sooner than the hot ones were written', () => {
    // 10 s for all of it; hot 10 MB/s: 10 + 10 × 10 / (100 - 10) = 11.1
    expect(mvmSeconds(vm(1000, 200, 20, 50), 900)).toBe(11);
  });

  it('is infinite where memory is dirtied faster than it is carried', () => {
    expect(mvmSeconds(vm(2000, 96, 2, 3), 400)).toBe(Number.POSITIVE_INFINITY);
    expect(mvmSeconds(vm(2000, 0, 0, 60), 500)).toBe(Number.POSITIVE_INFINITY);
  });
});
