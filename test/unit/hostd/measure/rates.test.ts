import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addReading, coveredMs, meanRates, type Reading } from '../../../../hostd/measure/rates.ts';

function reading(atMs: number, bytes: Record<string, number>, epoch = '1'): Reading {
  return { atMs, epoch, bytes: new Map(Object.entries(bytes)) };
}

describe('meanRates', () => {
  it('is the mean over the ring in bit/s', () => {
    const ring = [reading(0, { tx: 0 }), reading(1000, { tx: 1000 }), reading(2000, { tx: 4000 })];
    expect(meanRates(ring, 'unknown').get('tx')).toBe(16_000);
  });

  it('makes no rate from a counter that fell', () => {
    const ring = [reading(0, { tx: 0 }), reading(1000, { tx: 1000 }), reading(2000, { tx: 10 })];
    expect(meanRates(ring, 'unknown').get('tx')).toBe(8000);
    expect(meanRates(ring.slice(1), 'unknown').has('tx')).toBe(false);
  });

  it('makes no rate across counters that were made anew', () => {
    expect(meanRates([reading(0, { tx: 0 }, '1'), reading(1000, { tx: 9 }, '2')], 'unknown').has('tx')).toBe(false);
  });

  it('makes no rate of an interface that came back', () => {
    const ring = [
      reading(0, { tx: 5 }),
      reading(1000, {}),
      reading(2000, { tx: 1e9 }),
      reading(3000, { tx: 1e9 + 1000 }),
    ];
    expect(meanRates(ring, 'unknown').get('tx')).toBe(8000);
  });

  it('counts an element that a packet made from zero, over the whole ring', () => {
    const ring = [reading(0, {}), reading(1000, {}), reading(2000, { 'tap/nic0': 1000 })];
    expect(meanRates(ring, 'zero').get('tap/nic0')).toBe(4000);
  });

  it('never exceeds the fastest true interval, whatever resets happen', () => {
    const steps = fc.array(
      fc.record({ ms: fc.integer({ min: 1, max: 3000 }), bytes: fc.nat(1e9), reset: fc.boolean(), gone: fc.boolean() }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(steps, fc.nat(1e12), (list, start) => {
        let atMs = 0;
        let counter = start;
        let fastest = 0;
        const ring = [reading(0, { tx: counter })];
        for (const { ms, bytes, reset, gone } of list) {
          atMs += ms;
          // A reset to nothing is followed by the interval's own bytes at most.
          counter = reset ? Math.min(bytes, counter) : counter + bytes;
          fastest = Math.max(fastest, (bytes * 8000) / ms);
          ring.push(reading(atMs, gone ? {} : { tx: counter }));
        }
        const rate = meanRates(ring, 'unknown').get('tx') ?? 0;
        expect(rate).toBeGreaterThanOrEqual(0);
        expect(rate).toBeLessThanOrEqual(fastest * 1.000001);
      }),
    );
  });
});

describe('addReading', () => {
  it('keeps the window and one reading at or past its edge', () => {
    let ring: Reading[] = [];
    for (let atMs = 0; atMs <= 20_000; atMs += 1000) ring = addReading(ring, reading(atMs, {}), 5000);
    expect(ring.map(({ atMs }) => atMs)).toEqual([15_000, 16_000, 17_000, 18_000, 19_000, 20_000]);
    expect(coveredMs(ring)).toBe(5000);
  });

  it('never grows beyond the window', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2000 }), { maxLength: 60 }), (gaps) => {
        let ring: Reading[] = [];
        let atMs = 0;
        for (const gap of gaps) {
          atMs += gap;
          ring = addReading(ring, reading(atMs, {}), 5000);
        }
        expect(ring.slice(1).every((each) => atMs - each.atMs < 5000)).toBe(true);
      }),
    );
  });
});
