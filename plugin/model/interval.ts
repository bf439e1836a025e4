/** A figure with what it lies between, as often as `COVERAGE` says. Same unit in all three; Infinity: it would not end. */
export interface Estimate {
  value: number;
  low: number;
  high: number;
}

/** Share of outcomes that an interval is to contain. */
export const COVERAGE = 0.9;

/**
 * Natural logarithms of outcome / prediction before anything is known of a cloud. In the lab (101 migrations, 12 cells of
 * traffic, priority and dirtying) nine of ten lay within 0.5 and 0.8 times of TMT, for a third of the memory had never been
 * touched, which nothing tells; within 0.6 and 2.7 of downtime, and 0.6 and 2.3 of the longest stall.
 */
export const PRIORS = {
  totalMigrationTimeMs: { low: Math.log(0.5), high: Math.log(1.8) },
  bytes: { low: Math.log(0.5), high: Math.log(1.8) },
  downtimeMs: { low: Math.log(0.5), high: Math.log(2.8) },
  longestStallMs: { low: Math.log(0.5), high: Math.log(2.8) },
} satisfies Record<string, Spread>;
/** So many errors weigh as much as the prior. */
const PRIOR_WEIGHT = 8;

export interface Spread {
  /** Natural logarithms of outcome / prediction. */
  low: number;
  high: number;
}

/**
 * The spread that contains `COVERAGE` of what comes next, from the errors of earlier predictions, each made before its
 * outcome was known (split conformal prediction: Lei et al., J. Am. Stat. Assoc. 113, 2018). The k-th smallest of n has
 * rank k / (n + 1); where n is too small for the rank, the outermost error and the prior are mixed.
 *
 * | errors                    | spread, as factors |
 * |---------------------------|--------------------|
 * | none                      | the prior's        |
 * | 39 from 0.9 to 1.1        | 0.91 - 1.09        |
 */
export function spreadOf(logErrors: readonly number[], prior: Spread): Spread {
  const sorted = [...logErrors].sort((a, b) => a - b);
  const n = sorted.length;
  const tail = (1 - COVERAGE) / 2;
  const outer = Math.floor((n + 1) * tail);
  if (outer >= 1) return { low: sorted[outer - 1] ?? prior.low, high: sorted[n - outer] ?? prior.high };
  const weight = n / (n + PRIOR_WEIGHT);
  const lowest = Math.min(0, sorted[0] ?? 0);
  const highest = Math.max(0, sorted[n - 1] ?? 0);
  return {
    low: weight * lowest + (1 - weight) * prior.low,
    high: weight * highest + (1 - weight) * prior.high,
  };
}

export function around(value: number, { low, high }: Spread): Estimate {
  return { value, low: value * Math.exp(low), high: value * Math.exp(high) };
}

/** Middle of the sorted values, the mean of the two middle ones of an even number; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)] ?? Number.NaN;
  return Number.isInteger(half) ? ((sorted[half - 1] ?? Number.NaN) + upper) / 2 : upper;
}
