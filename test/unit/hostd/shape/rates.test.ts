import { describe, expect, it } from 'vitest';
import type { LeaseRequest } from '../../../../hostd/contract.ts';
import { checkRates } from '../../../../hostd/shape/rates.ts';

describe('checkRates', () => {
  const request = (rate: number, ceil: number): LeaseRequest => ({
    holder: 'h',
    fence: 1,
    vmUuid: 'v',
    priority: 'high',
    ttlMs: 1000,
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
