import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LeaseRequest, LinkReservation, Priority } from '../../../../hostd/contract.ts';
import { combine, guestLimits } from '../../../../hostd/shape/combine.ts';

const SHAPEABLE = 475;
const MBIT = 1e6;

function reservation(migration: number, workload: number, first: 'm' | 'w' = 'm'): LinkReservation {
  const each = (rate: number, name: 'm' | 'w') => ({
    rateBitsPerSecond: rate * MBIT,
    ceilBitsPerSecond: SHAPEABLE * MBIT,
    prio: first === name ? 1 : 2,
  });
  return { migration: each(migration, 'm'), workload: each(workload, 'w') };
}

function lease(priority: Priority, tx: LinkReservation, changes: Partial<LeaseRequest> = {}): LeaseRequest {
  return { holder: 'h', fence: 1, vmUuid: 'a', priority, tx, ttlMs: 1000, ...changes };
}

function told(leases: readonly LeaseRequest[]): string {
  const { migration, workload } = combine(leases, 'tx', SHAPEABLE * MBIT) as LinkReservation;
  const first = migration.prio < workload.prio ? 'm' : 'w';
  return `${migration.rateBitsPerSecond / MBIT}/${workload.rateBitsPerSecond / MBIT} ${first}`;
}

describe('combine', () => {
  it.each<[LeaseRequest[], string]>([
    [[lease('high', reservation(375, 100))], '375/100 m'],
    [[lease('high', reservation(375, 100)), lease('high', reservation(300, 100))], '375/100 m'],
    [[lease('high', reservation(375, 100)), lease('high', reservation(275, 200))], '275/200 m'],
    [[lease('high', reservation(375, 100)), lease('medium', reservation(175, 300))], '375/100 m'],
    [[lease('medium', reservation(175, 300)), lease('medium', reservation(275, 200))], '175/300 m'],
    [[lease('medium', reservation(175, 300)), lease('low', reservation(24, 451, 'w'))], '175/300 m'],
    [[lease('low', reservation(24, 451, 'w')), lease('low', reservation(10, 465, 'w'))], '10/465 w'],
  ])('is the row of its table (%#)', (leases, together) => {
    expect(told(leases)).toBe(together);
    expect(told(leases.toReversed())).toBe(together);
  });

  it('takes the largest ceil of either class', () => {
    const strict = reservation(100, 100);
    strict.migration.ceilBitsPerSecond = 100 * MBIT;
    strict.workload.ceilBitsPerSecond = 100 * MBIT;
    const wider = reservation(200, 50);
    wider.migration.ceilBitsPerSecond = 200 * MBIT;
    wider.workload.ceilBitsPerSecond = 50 * MBIT;
    const both = combine([lease('high', strict), lease('high', wider)], 'tx', SHAPEABLE * MBIT);
    expect(both?.migration.ceilBitsPerSecond).toBe(200 * MBIT);
    expect(both?.workload.ceilBitsPerSecond).toBe(100 * MBIT);
  });

  it('is nothing where no lease asks for this direction', () => {
    expect(combine([lease('high', reservation(1, 1))], 'rx', SHAPEABLE * MBIT)).toBeNull();
    expect(combine([], 'tx', SHAPEABLE * MBIT)).toBeNull();
  });
});

const priority = fc.constantFrom<Priority>('high', 'medium', 'low');
/** Any lease that the link took, if need be before it was made slower. */
const anyLease = (shapeable: number) =>
  fc
    .record({
      priority,
      share: fc.double({ min: 0.001, max: 0.999, noNaN: true }),
      used: fc.double({ min: 0.01, max: 1, noNaN: true }),
      prios: fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 })),
      ceil: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    .map(({ priority, share, used, prios, ceil }) => {
      const each = (rate: number, prio: number) => ({
        rateBitsPerSecond: rate,
        ceilBitsPerSecond: rate + ceil * (shapeable - rate),
        prio,
      });
      const whole = shapeable * used;
      return lease(priority, {
        migration: each(whole * share, prios[0]),
        workload: each(whole * (1 - share), prios[1]),
      });
    });
const someLeases = (shapeable: number) => fc.array(anyLease(shapeable), { minLength: 1, maxLength: 6 });

describe('combine, for any leases', () => {
  it.each([1, 2])('never guarantees more than the link has, even if it was %d times as fast before', (faster) => {
    fc.assert(
      fc.property(someLeases(1e9 * faster), (leases) => {
        const { migration, workload } = combine(leases, 'tx', 1e9) as LinkReservation;
        expect(migration.rateBitsPerSecond + workload.rateBitsPerSecond).toBeLessThanOrEqual(1e9);
        for (const each of [migration, workload]) {
          expect(each.rateBitsPerSecond).toBeGreaterThan(0);
          expect(each.ceilBitsPerSecond).toBeGreaterThanOrEqual(each.rateBitsPerSecond);
        }
      }),
    );
  });

  it('does not depend on their order', () => {
    fc.assert(
      fc.property(
        someLeases(1e9).chain((leases) =>
          fc.tuple(fc.constant(leases), fc.shuffledSubarray(leases, { minLength: leases.length })),
        ),
        ([leases, shuffled]) => {
          expect(combine(shuffled, 'tx', 1e9)).toEqual(combine(leases, 'tx', 1e9));
        },
      ),
    );
  });

  it('gives a lower priority nothing at the cost of a higher one', () => {
    fc.assert(
      fc.property(someLeases(1e9), anyLease(1e9), (leases, other) => {
        const rank = { high: 0, medium: 1, low: 2 };
        fc.pre(leases.some((each) => rank[each.priority] < rank[other.priority]));
        expect(combine([...leases, other], 'tx', 1e9)).toEqual(combine(leases, 'tx', 1e9));
      }),
    );
  });

  it('keeps every promise that a lease of the deciding group made to the workload', () => {
    fc.assert(
      fc.property(someLeases(1e9), anyLease(1e9), (leases, other) => {
        const same = leases.map((each) => ({ ...each, priority: other.priority }));
        const { workload } = combine([...same, other], 'tx', 1e9) as LinkReservation;
        for (const each of [...same, other]) {
          expect(workload.rateBitsPerSecond).toBeGreaterThanOrEqual(
            Math.min(each.tx?.workload.rateBitsPerSecond ?? 0, 1e9 - 8000),
          );
        }
      }),
    );
  });
});

describe('guestLimits', () => {
  const high = lease('high', reservation(375, 100));
  const low = (changes: Partial<LeaseRequest> = {}) =>
    lease('low', reservation(24, 451, 'w'), { vmUuid: 'b', ...changes });
  const { tx, ...without } = high;

  it.each<[string, LeaseRequest[], number | null]>([
    ['alone', [low()], null],
    ['beside a higher one', [high, low()], 24 * MBIT],
    ['with a limit of its own below that', [high, low({ maxBandwidthBitsPerSecond: 10 * MBIT })], 10 * MBIT],
    ['with a limit of its own above that', [high, low({ maxBandwidthBitsPerSecond: 50 * MBIT })], 24 * MBIT],
    ['the highest itself', [lease('low', reservation(24, 451)), { ...high, vmUuid: 'b' }], null],
    ['beside a higher one on the other link', [low(), { ...without, rx: tx }], null],
    ['arriving only', [high, { ...without, vmUuid: 'b', priority: 'low', rx: tx }], null],
    ['without a lease', [high], null],
  ])('of a VM %s', (_, leases, limit) => {
    expect(guestLimits(leases, 'b').maxBandwidthBitsPerSecond).toBe(limit);
    expect(guestLimits(leases.toReversed(), 'b').maxBandwidthBitsPerSecond).toBe(limit);
  });

  it("takes the smallest downtime that the VM's own leases ask for", () => {
    const leases = [low({ maxDowntimeMs: 500 }), low({ maxDowntimeMs: 300 }), { ...high, maxDowntimeMs: 100 }];
    expect(guestLimits(leases, 'b').maxDowntimeMs).toBe(300);
    expect(guestLimits(leases, 'c').maxDowntimeMs).toBeNull();
  });
});
