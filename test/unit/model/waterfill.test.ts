import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { waterfill } from '../../../plugin/model/waterfill.ts';

const links = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 });
const sender = fc.record({
  links: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 3 }),
  atLeast: fc.constantFrom(0, 0, 5, 40),
  atMost: fc.constantFrom(Number.POSITIVE_INFINITY, 3, 50),
});

describe('waterfill', () => {
  it('lets all grow alike until a link is full', () => {
    const senders = [{ links: [0] }, { links: [0, 1] }, { links: [1] }];
    expect(Array.from(waterfill([10, 4], senders))).toEqual([8, 2, 2]);
  });

  it('gives first what is promised, then shares the rest', () => {
    const senders = [{ links: [0] }, { links: [0, 1], atLeast: 3 }, { links: [1] }];
    expect(Array.from(waterfill([10, 4], senders))).toEqual([6.5, 3.5, 0.5]);
    expect(
      Array.from(
        waterfill(
          [10],
          [
            { links: [0], atLeast: 15 },
            { links: [0], atLeast: 5 },
          ],
        ),
      ),
    ).toEqual([7.5, 2.5]);
  });

  it('fills no link above its capacity, and leaves nobody who could have more', () => {
    fc.assert(
      fc.property(links, fc.array(sender, { maxLength: 8 }), (capacities, drawn) => {
        const senders = drawn.map((one) => ({
          ...one,
          links: [...new Set(one.links.map((l) => l % capacities.length))],
        }));
        const rates = waterfill(capacities, senders);
        const load = capacities.map((_, link) =>
          senders.reduce((sum, one, index) => sum + (one.links.includes(link) ? (rates[index] ?? 0) : 0), 0),
        );
        load.forEach((sum, link) => {
          expect(sum).toBeLessThanOrEqual((capacities[link] ?? 0) * (1 + 1e-9));
        });
        senders.forEach((one, index) => {
          const full = one.links.some((link) => (load[link] ?? 0) >= (capacities[link] ?? 0) * (1 - 1e-9));
          expect(full || (rates[index] ?? 0) >= one.atMost * (1 - 1e-9)).toBe(true);
        });
      }),
      { numRuns: 1000 },
    );
  });
});
