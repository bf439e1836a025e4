import { LinkReservation } from 'drover-hostd/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reserve, workloadDemand } from '../../../plugin/bandwidth/reserve.ts';
import type { Priority } from '../../../plugin/contract.ts';

const M = 1e6;
const limits = { lowerBitsPerSecond: 100 * M, upperBitsPerSecond: 300 * M };

function at(priority: Priority, workload: number, strict = false) {
  const link = { capacityBitsPerSecond: 480 * M, workloadBitsPerSecond: workload };
  return reserve({ priority, link, limits, floorBitsPerSecond: 5 * M, strict });
}

describe('reserve', () => {
  // The table of its docstring: priority, workload's use, guarantees of workload and migration, who borrows first.
  it.each([
    ['high', 0, 100, 380, 'migration'],
    ['high', 470, 100, 380, 'migration'],
    ['medium', 50, 100, 380, 'migration'],
    ['medium', 200, 200, 280, 'migration'],
    ['medium', 400, 300, 180, 'migration'],
    ['low', 0, 475, 5, 'workload'],
    ['low', 470, 475, 5, 'workload'],
  ] as const)(
    '%s, workload %d of 480: workload %d, migration %d, %s first',
    (priority, use, workload, migration, first) => {
      const link = at(priority, use * M);
      expect(link.workload.rateBitsPerSecond).toBe(workload * M);
      expect(link.migration.rateBitsPerSecond).toBe(migration * M);
      expect(link.migration.prio < link.workload.prio ? 'migration' : 'workload').toBe(first);
      expect([link.workload.ceilBitsPerSecond, link.migration.ceilBitsPerSecond]).toEqual([480 * M, 480 * M]);
    },
  );

  it.each([
    ['high', 470, 100, 380],
    ['medium', 50, 300, 380],
    ['medium', 400, 300, 180],
    ['low', 400, 480, 80],
    ['low', 478, 480, 5],
    ['low', 0, 480, 480],
  ] as const)(
    'strict, %s, workload %d of 480: workload capped at %d, migration at %d',
    (priority, use, workload, migration) => {
      const link = at(priority, use * M, true);
      expect([link.workload.ceilBitsPerSecond, link.migration.ceilBitsPerSecond]).toEqual([
        workload * M,
        migration * M,
      ]);
      expect(link.workload.rateBitsPerSecond + link.migration.rateBitsPerSecond).toBe(480 * M);
    },
  );

  it('never guarantees more than the link, or nothing, whatever the limits', () => {
    const rate = fc.double({ min: 0, max: 1e12, noNaN: true });
    const input = fc.record({
      priority: fc.constantFrom<Priority>('high', 'medium', 'low'),
      link: fc.record({
        capacityBitsPerSecond: fc.double({ min: 102, max: 1e12, noNaN: true }),
        workloadBitsPerSecond: rate,
      }),
      limits: fc.record({ lowerBitsPerSecond: rate, upperBitsPerSecond: rate }),
      floorBitsPerSecond: rate,
      strict: fc.boolean(),
    });
    fc.assert(
      fc.property(input, (given) => {
        const link = LinkReservation.parse(reserve(given));
        const rates = [link.migration, link.workload].map(({ rateBitsPerSecond }) => rateBitsPerSecond);
        for (const each of [link.migration, link.workload])
          expect(each.ceilBitsPerSecond).toBeGreaterThanOrEqual(each.rateBitsPerSecond);
        expect(Math.min(...rates)).toBeGreaterThanOrEqual(1);
        expect(rates.every(Number.isInteger)).toBe(true);
        expect((rates[0] ?? 0) + (rates[1] ?? 0)).toBeLessThanOrEqual(given.link.capacityBitsPerSecond);
      }),
      { numRuns: 3000 },
    );
  });

  it('medium gives the workload more as it uses more, never below lower, never above upper', () => {
    const rates = Array.from({ length: 49 }, (_, i) => at('medium', i * 10 * M).workload.rateBitsPerSecond);
    expect(rates).toEqual([...rates].sort((a, b) => a - b));
    expect([rates.at(0), rates.at(-1)]).toEqual([100 * M, 300 * M]);
  });

  it('refuses a link that cannot be shared', () => {
    const link = { capacityBitsPerSecond: 0, workloadBitsPerSecond: 0 };
    expect(() => reserve({ priority: 'high', link, limits, floorBitsPerSecond: 1 })).toThrow(RangeError);
  });
});

describe('workloadDemand', () => {
  /** A link where the migration takes all it can; the workload gets what it wants up to its guarantee. */
  function settle(wanted: number, guaranteed: number): number[] {
    const course = [guaranteed];
    for (let second = 0; second < 12; second++) {
      const last = course.at(-1) ?? 0;
      course.push(at('medium', workloadDemand(Math.min(wanted, last), last)).workload.rateBitsPerSecond);
    }
    return course;
  }

  it('lets a squeezed workload have upper at once', () => {
    expect(settle(400 * M, 100 * M)[1]).toBe(300 * M);
  });

  it('follows a workload that falls down to lower', () => {
    expect(settle(10 * M, 300 * M).at(-1)).toBe(100 * M);
  });

  it('comes to rest above what is wanted', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 100, max: 300 }), (wanted, from) => {
        const course = settle(wanted * M, from * M);
        expect(course.at(-1)).toBe(course.at(-2));
        expect(course.at(-1)).toBeGreaterThanOrEqual(Math.min(wanted, 300) * M);
      }),
    );
  });
});
