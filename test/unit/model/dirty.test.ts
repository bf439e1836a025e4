import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dirtiedBytes, dirtyCurve } from '../../../plugin/model/dirty.ts';

const PARAMETERS = { dirtyFactor: 1, unknownDirtyShare: 0.01 };
const curve = (...windows: [windowMs: number, megabytes: number][]) =>
  dirtyCurve(
    {
      memoryBytes: 256e6,
      dirtyWindows: windows.map(([windowMs, megabytes]) => ({ windowMs, bytesPerSecond: megabytes * 1e6 })),
    },
    PARAMETERS,
  );

describe('distinct bytes dirtied', () => {
  it.each([
    ['a working set', curve([1000, 40], [4000, 10]), [20, 40, 40]],
    ['random pages', curve([1000, 40], [4000, 16]), [20, 48, 66.95]],
    ['hot and cold', curve([2000, 20], [10_000, 8], [30_000, 5.3333333333]), [10, 40, 80]],
    ['one window', curve([1000, 20]), [10, 40, 200]],
    ['a longer window that reads more', curve([1000, 20], [4000, 30]), [15, 60, 256]],
  ] as const)('%s', (_, of, expected) => {
    expect([0.5, 2, 10].map((seconds) => dirtiedBytes(of, seconds) / 1e6)).toEqual(
      expected.map((each) => expect.closeTo(each, 1)),
    );
  });

  it('where nothing was measured a share of the memory a second is assumed', () => {
    expect(dirtiedBytes(curve(), 2)).toBeCloseTo(0.02 * 256e6, 3);
  });

  it('starts at 0, never falls, never passes the memory, and bends down only', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 100, max: 20_000 }), fc.double({ min: 0, max: 500, noNaN: true })), {
          maxLength: 5,
        }),
        fc.double({ min: 0.01, max: 60, noNaN: true }),
        (windows, seconds) => {
          const of = curve(...windows);
          const at = (time: number) => dirtiedBytes(of, time);
          expect(at(0)).toBe(0);
          // To a thousandth of a byte: what is smaller has no digits left.
          expect(at(2 * seconds)).toBeGreaterThanOrEqual(at(seconds) - 1e-3);
          expect(at(2 * seconds)).toBeLessThanOrEqual(2 * at(seconds) * 1.000001 + 1e-3);
          expect(at(1e9)).toBeLessThanOrEqual(256e6);
        },
      ),
    );
  });
});
