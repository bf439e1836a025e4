import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DirtyReadings, steadyWindows, withReadings } from '../../../plugin/tracker/dirty.ts';
import { SteadyRates } from '../../../plugin/tracker/steady.ts';
import { seeded } from '../../random.ts';
import { host, vm } from '../controller/plan/worlds.ts';

const MEBIBYTES_256 = 256 * 2 ** 20;
const AT = 1_700_000_000_000;

/** Newest first, a minute apart, MB/s. */
function readings(windowMs: number, ...megabytes: number[]): DirtyReadings {
  return megabytes.map((each, at) => ({ windowMs, bytesPerSecond: each * 1e6, measuredAtMs: AT - 60_000 * at }));
}

function steady(memoryBytes: number, ...megabytes: number[]): number[] {
  return steadyWindows(readings(1000, ...megabytes), memoryBytes).map(({ bytesPerSecond }) => bytesPerSecond / 1e6);
}

describe('A steady dirty rate', () => {
  it.each([
    ['is the mean of readings that the sample of pages cannot tell apart', [9, 31, 22, 18], 20],
    ['is the newest where the guest is busier than before', [100, 20, 21], 100],
    ['is the newest where the guest has become idle', [0, 40, 40], 0],
    ['ends at the first that is not alike, though others before are', [20, 22, 100, 21], 21],
    ['is the only one', [7], 7],
  ])('%s', (_, megabytes, expected) => {
    expect(steady(MEBIBYTES_256, ...megabytes)[0]).toBeCloseTo(expected, 6);
  });

  it('takes less for a change in a guest with more memory, of which more pages are sampled', () => {
    expect(steady(MEBIBYTES_256, 40, 20)[0]).toBe(30);
    expect(steady(64 * MEBIBYTES_256, 40, 20)[0]).toBe(30);
    expect(steady(64 * MEBIBYTES_256, 400, 200)[0]).toBe(400);
  });

  it('is told of each window, the shortest first, as old as its newest reading', () => {
    const both = [...readings(4000, 10, 12), ...readings(1000, 20, 30)];
    expect(steadyWindows(both, MEBIBYTES_256)).toEqual([
      { windowMs: 1000, bytesPerSecond: 25e6, measuredAtMs: AT },
      { windowMs: 4000, bytesPerSecond: 11e6, measuredAtMs: AT },
    ]);
  });

  it('lies between the readings, whatever they are, and there is none without any', () => {
    const megabytes = fc.array(fc.double({ min: 0, max: 5000, noNaN: true }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(megabytes, fc.integer({ min: 1, max: 2 ** 40 }), (all, memoryBytes) => {
        const [one = Number.NaN] = steady(memoryBytes, ...all);
        expect(one).toBeGreaterThanOrEqual(Math.min(...all) * (1 - 1e-9));
        expect(one).toBeLessThanOrEqual(Math.max(...all) * (1 + 1e-9));
      }),
    );
    expect(steadyWindows([], MEBIBYTES_256)).toEqual([]);
  });

  it('comes closer to a rate that stays, the more readings there are', () => {
    // Of 128 pages, with 20 MB/s of 268: 9.5 changed in the mean.
    const off = (count: number) => {
      const errors = Array.from({ length: 300 }, (_, seed) => {
        const random = seeded(seed);
        const read = () =>
          Array.from({ length: 128 }, () => random.within(0, 1)).filter((each) => each < 20 / 268).length * (268 / 128);
        return Math.abs((steady(MEBIBYTES_256, ...Array.from({ length: count }, read))[0] ?? 0) - 20);
      });
      return errors.reduce((sum, each) => sum + each, 0) / errors.length;
    };
    expect(off(8)).toBeLessThan(0.5 * off(1));
  });
});

describe('Readings', () => {
  it('are kept once, however often they are sampled, 16 of each window, for an hour', () => {
    const first = readings(1000, 1);
    expect(withReadings(first, readings(1000, 1))).toBe(first);
    const many = Array.from({ length: 20 }, (_, at) => ({ windowMs: 1000, bytesPerSecond: at, measuredAtMs: AT + at }));
    const kept = withReadings(readings(4000, 5), many);
    expect(kept.filter(({ windowMs }) => windowMs === 1000).map(({ bytesPerSecond }) => bytesPerSecond)).toEqual(
      Array.from({ length: 16 }, (_, at) => 19 - at),
    );
    expect(kept.filter(({ windowMs }) => windowMs === 4000)).toHaveLength(1);
    const later = [{ windowMs: 1000, bytesPerSecond: 3, measuredAtMs: AT + 3_700_000 }];
    expect(withReadings(kept, later)).toEqual(later);
  });
});

describe('The dirty rate of a VM', () => {
  const vmsOf = (name: string, dirtyWindows: DirtyReadings) => {
    const { sample } = host(name, { vms: [{ ...vm(1), dirtyWindows: [...dirtyWindows] }] });
    if (!sample) throw new Error('there is one');
    return sample.vms;
  };

  it('goes with it to its next host, where nobody has measured it yet', () => {
    const rates = new SteadyRates();
    rates.steady(vmsOf('compute-1', readings(1000, 10)), AT);
    const [moved] = rates.steady(vmsOf('compute-2', []), AT + 60_000);
    expect(moved).toMatchObject({ dirtyBytesPerSecond: 10e6, dirtyWindows: readings(1000, 10) });
    const again = [{ windowMs: 1000, bytesPerSecond: 12e6, measuredAtMs: AT + 70_000 }];
    expect(rates.steady(vmsOf('compute-2', again), AT + 70_000)[0]?.dirtyBytesPerSecond).toBe(11e6);
  });

  it('is forgotten ten minutes after it was seen last', () => {
    const rates = new SteadyRates();
    rates.steady(vmsOf('compute-1', readings(1000, 10)), AT);
    expect(rates.steady(vmsOf('compute-2', []), AT + 601_000)[0]?.dirtyWindows).toEqual([]);
  });
});
