import { describe, expect, it } from 'vitest';
import { FailedAttempts } from '../../../plugin/api/attempts.ts';

describe('FailedAttempts', () => {
  it('lets ten fail, then one more every 6 s', () => {
    const failed = new FailedAttempts();
    for (let n = 0; n < 10; n += 1) {
      expect(failed.waitMs('a', 0)).toBe(0);
      failed.add('a', 0);
    }
    expect(failed.waitMs('a', 0)).toBe(6000);
    expect(failed.waitMs('a', 4500)).toBe(1500);
    expect(failed.waitMs('a', 6000)).toBe(0);
    failed.add('a', 6000);
    expect(failed.waitMs('a', 6000)).toBe(6000);
    expect(failed.waitMs('b', 0)).toBe(0);
    expect(failed.waitMs('a', 120_000)).toBe(0);
  });

  it('is not fooled by a clock that goes back', () => {
    const failed = new FailedAttempts();
    for (let n = 0; n < 10; n += 1) failed.add('a', 1e6);
    expect(failed.waitMs('a', 0)).toBe(6000);
  });
});
