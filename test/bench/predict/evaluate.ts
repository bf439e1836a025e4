/** Cross-validation of the prediction: what it learns from some migrations, tried on others. */
import {
  type Calibration,
  correctorOf,
  type FinishedMigration,
  learn,
  UNCALIBRATED,
} from '../../../plugin/model/calibrate.ts';
import type { Estimate } from '../../../plugin/model/interval.ts';

export interface Case extends FinishedMigration {
  /** What is left out together. */
  fold: string;
}

export interface Score {
  count: number;
  /** Mean of |predicted − observed| / observed, in %. */
  mapePercent: number;
  /** Share of outcomes inside their 90 % interval, in %. */
  coveragePercent: number;
  /** Mean width of the interval against the outcome, in %. */
  widthPercent: number;
}

/** Each fold predicted from the others, in their order. */
export function leaveOut(
  cases: readonly Case[],
  name: 'totalMigrationTimeMs' | 'downtimeMs' | 'longestStallMs' | 'bytes',
) {
  const folds = [...new Set(cases.map(({ fold }) => fold))];
  return folds.map((fold) => {
    const calibration = cases
      .filter((each) => each.fold !== fold)
      .reduce<Calibration>((known, each) => learn(known, each), UNCALIBRATED);
    const corrector = correctorOf(calibration);
    const tried = cases
      .filter((each) => each.fold === fold)
      .map((each) => ({
        estimate: corrector.estimate(each, each.features)[name],
        observed: each.observed[name] ?? 0,
      }));
    return { fold, tried };
  });
}

export function score(tried: readonly { estimate: Estimate; observed: number }[]): Score {
  const mean = (of: (each: { estimate: Estimate; observed: number }) => number) =>
    (100 * tried.reduce((sum, each) => sum + of(each), 0)) / tried.length;
  return {
    count: tried.length,
    mapePercent: mean(({ estimate, observed }) => Math.abs(estimate.value - observed) / observed),
    coveragePercent: mean(({ estimate, observed }) => (estimate.low <= observed && observed <= estimate.high ? 1 : 0)),
    widthPercent: mean(({ estimate, observed }) => (estimate.high - estimate.low) / observed),
  };
}
