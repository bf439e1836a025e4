import { describe, expect, it } from 'vitest';
import type { LeaseRequest, Priority } from '../../../../hostd/contract.ts';
import { checkRates, decidingReservation, type HeldLease } from '../../../../hostd/shape/decide.ts';

function lease(priority: Priority, order: number, rate: number): HeldLease {
  const each = { rateBitsPerSecond: rate, ceilBitsPerSecond: rate, prio: 1 };
  const request = {
    holder: 'h',
    fence: 1,
    vmUuid: 'v',
    priority,
    ttlMs: 1000,
    tx: { migration: each, workload: each },
  };
  return { leaseId: String(order), order, request };
}

describe('decidingReservation', () => {
  it('is that of the highest priority, and of these the newest', () => {
    const leases = [lease('low', 9, 1), lease('high', 1, 2), lease('high', 5, 3), lease('medium', 7, 4)];
    expect(decidingReservation(leases, 'tx')?.migration.rateBitsPerSecond).toBe(3);
    expect(decidingReservation(leases, 'rx')).toBeNull();
  });
});

describe('checkRates', () => {
  const request = (rate: number, ceil: number): LeaseRequest => ({
    ...lease('high', 1, 1).request,
    tx: {
      migration: { rateBitsPerSecond: rate, ceilBitsPerSecond: ceil, prio: 1 },
      workload: { rateBitsPerSecond: 100, ceilBitsPerSecond: 500, prio: 2 },
    },
  });

  it.each([
    [300, 200, /rate 300 is above ceil 200/],
    [300, 600, /above the link/],
    [400, 500, /add up to 500/],
  ])('refuses rate %d with ceil %d', (rate, ceil, text) => {
    expect(() => checkRates(request(rate, ceil), 500, 475)).toThrow(text);
  });

  it('takes what fits exactly', () => {
    expect(() => checkRates(request(375, 500), 500, 475)).not.toThrow();
  });
});
