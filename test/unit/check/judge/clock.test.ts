import { describe, expect, it } from 'vitest';
import { judgeClock, surelySkewedMs } from '../../../../plugin/check/judge/clock.ts';

const at = (askedAtMs: number, answeredAtMs: number, dateMs: number) => ({
  service: 'Keystone',
  askedAtMs,
  answeredAtMs,
  dateMs,
});

describe('surelySkewedMs', () => {
  it.each([
    [at(5200, 5210, 5000), 0],
    [at(5999, 6001, 6000), 0],
    [at(5200, 5210, 9000), 3790],
    [at(9200, 9300, 5000), 3200],
    // A slow answer explains a Date that is later than the question.
    [at(5000, 9000, 8000), 0],
  ])('of %o is %i', (clock, skewMs) => {
    expect(surelySkewedMs(clock)).toBe(skewMs);
  });
});

describe('judgeClock', () => {
  it('takes two seconds, and says which clock is ahead beyond that', () => {
    expect(judgeClock(at(10_000, 10_010, 12_000)).state).toBe('ok');
    expect(judgeClock(at(10_000, 10_010, 13_000))).toMatchObject({
      state: 'warn',
      found: expect.stringMatching('3.0 s ahead'),
    });
    expect(judgeClock(at(10_000, 10_010, 5000))).toMatchObject({
      state: 'warn',
      found: expect.stringMatching('4.0 s behind'),
    });
  });
});
