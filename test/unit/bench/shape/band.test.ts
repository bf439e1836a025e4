import { describe, expect, it } from 'vitest';
import { meanRate, median, percentile, type Reading, settledAfterMs } from '../../../bench/shape/band.ts';

/** Readings every 10 ms of a counter that grows at these rates, bit/s, 100 ms each. */
function readings(rates: readonly number[]): Reading[] {
  const all: Reading[] = [{ atMs: 0, bytes: 0 }];
  for (const rate of rates) {
    for (let step = 0; step < 10; step++) {
      const last = all.at(-1) ?? { atMs: 0, bytes: 0 };
      all.push({ atMs: last.atMs + 10, bytes: last.bytes + rate / 800 });
    }
  }
  return all;
}

describe('meanRate', () => {
  it('takes the counter as growing evenly between two readings', () => {
    expect(meanRate(readings([8e6, 16e6]), 0, 200)).toBeCloseTo(12e6, 3);
    expect(meanRate(readings([8e6, 16e6]), 93, 107)).toBeCloseTo(12e6, 3);
  });

  it('is not a number where nothing was read', () => {
    expect(meanRate(readings([8e6]), 50, 150)).toBeNaN();
    expect(meanRate(readings([8e6]).slice(3), 0, 90)).toBeNaN();
  });
});

describe('settledAfterMs', () => {
  const band = { targetBitsPerSecond: 100e6 };

  it.each([
    ['in the band all the time', [100e6, 105e6, 95e6, 100e6, 100e6], 0],
    ['in the band from 200 ms on', [50e6, 50e6, 100e6, 100e6, 100e6], 180],
    ['in the band, out of it, and back', [100e6, 50e6, 100e6, 100e6, 100e6], 180],
    ['out of it at the end', [100e6, 100e6, 100e6, 100e6, 50e6], null],
    ['never in it', [50e6, 50e6, 50e6, 50e6, 50e6], null],
  ] as const)('%s', (_, rates, expected) => {
    expect(settledAfterMs(readings(rates), 0, 500, band)).toBe(expected);
  });

  it('is null where the class was not there to the end', () => {
    expect(settledAfterMs(readings([100e6, 100e6]), 0, 500, band)).toBeNull();
  });

  it('counts from when it is told to', () => {
    expect(settledAfterMs(readings([50e6, 50e6, 100e6, 100e6, 100e6]), 100, 500, band)).toBe(80);
  });
});

it('median and percentile are values that were there', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 3, 2, 1])).toBe(2);
  expect(
    percentile(
      Array.from({ length: 300 }, (_, index) => index + 1),
      0.99,
    ),
  ).toBe(297);
  expect(percentile([5], 0.99)).toBe(5);
  expect(median([])).toBeNaN();
});
