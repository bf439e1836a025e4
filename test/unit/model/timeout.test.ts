import { describe, expect, it } from 'vitest';
import { novaTimeoutMs } from '../../../plugin/model/timeout.ts';

const GIBIBYTE = 2 ** 30;

describe("Nova's own timeout", () => {
  it.each([
    [800, GIBIBYTE / 4, 1_600_000],
    [800, 4.5 * GIBIBYTE, 3_600_000],
    [1, 2.7 * GIBIBYTE, 2000],
    [0, 64 * GIBIBYTE, null],
  ])('%d s for each GiB of %d bytes', (secondsPerGibibyte, memoryBytes, expected) => {
    expect(novaTimeoutMs(secondsPerGibibyte, memoryBytes)).toBe(expected);
  });
});
