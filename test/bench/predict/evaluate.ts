/** Cross-validation of the prediction: what it learns from some migrations, tried on others. */
import {
  type Calibration,
  correctorOf,
  type FinishedMigration,
  learn,
  type Measured,
  UNCALIBRATED,
} from '../../../plugin/model/calibrate.ts';
import { type Estimate, median } from '../../../plugin/model/interval.ts';

export interface Case extends FinishedMigration {
  /** What is left out together. */
  fold: string;
}

export interface Score {
  count: number;
  /** Of these, predicted not to complete (never to end, or Nova's timeout) although they did: no part of the means. */
  never: number;
  /** Mean of |predicted − observed| / observed, in %. */
  mapePercent: number;
  /** Share of outcomes inside their 90 % interval, in %. */
  coveragePercent: number;
  /** Mean width of the interval against the outcome, in %. */
  widthPercent: number;
}

export interface Tried {
  technique: Case['technique'];
  estimate: Estimate;
  observed: number;
}

const NEVER: Estimate = { value: Infinity, low: Infinity, high: Infinity };

/** Each predicted from what is known. */
export function foresee(cases: readonly Case[], known: Calibration, name: Measured): Tried[] {
  const corrector = correctorOf(known);
  return cases.map((each) => {
    const { ends, [name]: estimate } = corrector.estimate(each, each.features);
    const { technique, observed } = each;
    return { technique, estimate: ends === 'completed' ? estimate : NEVER, observed: observed[name] ?? 0 };
  });
}

/** Each fold predicted from the others, in their order. */
export function leaveOut(cases: readonly Case[], name: Measured): { fold: string; tried: Tried[] }[] {
  const folds = [...new Set(cases.map(({ fold }) => fold))];
  return folds.map((fold) => {
    const calibration = cases
      .filter((each) => each.fold !== fold)
      .reduce<Calibration>((known, each) => learn(known, each), UNCALIBRATED);
    const left = cases.filter((each) => each.fold === fold);
    return { fold, tried: foresee(left, calibration, name) };
  });
}

export interface Repeated {
  technique: Case['technique'];
  /** |median of its repetitions − observed| / observed. */
  error: number;
}

/**
 * How much repetitions of the same differ: each against the median of those of the same `alike` and technique that are
 * not of its fold. A prediction that comes close to that has little left to learn; the true middle would do a little better,
 * for the median of a few is off itself. One without repetition is no part of it.
 *
 * | rounds of one cell | median of the others | errors           |
 * |--------------------|----------------------|------------------|
 * | 10, 10, 20 s       | 15, 15, 10 s         | 50 %, 50 %, 50 % |
 */
export function repetitions<C extends Case>(
  cases: readonly C[],
  name: Measured,
  alike: (each: C) => string,
): Repeated[] {
  const measured = cases.flatMap((each) => {
    const observed = each.observed[name];
    return observed === undefined
      ? []
      : [{ technique: each.technique, fold: each.fold, observed, same: `${alike(each)} ${each.technique}` }];
  });
  const known = Map.groupBy(measured, ({ same }) => same);
  return measured.flatMap(({ technique, fold, observed, same }) => {
    const others = known.get(same)?.filter((other) => other.fold !== fold) ?? [];
    if (others.length === 0) return [];
    return [{ technique, error: Math.abs(median(others.map((other) => other.observed)) - observed) / observed }];
  });
}

export function score(all: readonly Pick<Tried, 'estimate' | 'observed'>[]): Score {
  const tried = all.filter(({ estimate }) => Number.isFinite(estimate.value));
  const mean = (of: (each: Pick<Tried, 'estimate' | 'observed'>) => number) =>
    (100 * tried.reduce((sum, each) => sum + of(each), 0)) / tried.length;
  return {
    count: all.length,
    never: all.length - tried.length,
    mapePercent: mean(({ estimate, observed }) => Math.abs(estimate.value - observed) / observed),
    coveragePercent: mean(({ estimate, observed }) => (estimate.low <= observed && observed <= estimate.high ? 1 : 0)),
    widthPercent: mean(({ estimate, observed }) => (estimate.high - estimate.low) / observed),
  };
}
