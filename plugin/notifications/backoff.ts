const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/**
 * How long to wait before the next attempt: twice as long each time, and spread over its upper half, so that the replicas
 * do not come back to a broker all at once.
 *
 * | failures | 1          | 2          | 4     | 7 and more |
 * |----------|------------|------------|-------|------------|
 * | waits    | 250-500 ms | 0.5-1 s    | 2-4 s | 15-30 s    |
 *
 * @param random from 0 to 1
 */
export function retryAfterMs(failures: number, random: number): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
  return Math.round(longest * (0.5 + random / 2));
}
