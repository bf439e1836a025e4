import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addExchange, type ClockOffset, surestOffset } from '../../../plugin/tracker/clock.ts';

describe('the offset of a clock', () => {
  it('comes from the exchange with the shortest way', () => {
    let known: ClockOffset[] = [];
    known = addExchange(known, { askedAtMs: 1000, answeredAtMs: 1010, hostMs: 505 });
    known = addExchange(known, { askedAtMs: 2000, answeredAtMs: 2100, hostMs: 1540 });
    expect(surestOffset(known)).toEqual({ offsetMs: 500, errorMs: 5 });
  });

  it('is learnt anew when a clock was set', () => {
    let known = addExchange([], { askedAtMs: 1000, answeredAtMs: 1010, hostMs: 505 });
    known = addExchange(known, { askedAtMs: 3000, answeredAtMs: 3100, hostMs: 2050 });
    expect(known).toEqual([{ offsetMs: 1000, errorMs: 50 }]);
    expect(addExchange(known, { askedAtMs: 5000, answeredAtMs: 4000, hostMs: 1 })).toEqual([]);
  });

  it('is null before the first answer', () => {
    expect(surestOffset([])).toBeNull();
  });

  it('is never further from the truth than it says', () => {
    const way = fc.integer({ min: 0, max: 300 });
    fc.assert(
      fc.property(
        fc.integer({ min: -1e6, max: 1e6 }),
        fc.array(fc.tuple(way, way), { minLength: 1 }),
        (truth, ways) => {
          let known: ClockOffset[] = [];
          let nowMs = 1e9;
          for (const [there, back] of ways) {
            known = addExchange(known, {
              askedAtMs: nowMs,
              answeredAtMs: nowMs + there + back,
              hostMs: nowMs + there - truth,
            });
            nowMs += 1000;
          }
          const best = surestOffset(known);
          expect(best).not.toBeNull();
          expect(Math.abs((best?.offsetMs ?? 0) - truth)).toBeLessThanOrEqual((best?.errorMs ?? 0) + 1e-6);
        },
      ),
    );
  });
});
