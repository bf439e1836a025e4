/** Cross-validation of the prediction: what it learns from some migrations, tried on others. */
import {
  type Calibration,
  correctorOf,
  type FinishedMigration,
  learn,
  type Measured,
  UNCALIBRATED,
} from '../../../plugin/model/calibrate.ts';
import type { Estimate } from '../../../plugin/model/interval.ts';

export interface Case extends FinishedMigration {
  /** What is left out together. */
  fold: string;
}

export interface Score {
  count: number;
  /** Of these, predicted never to end although they did: no part of the means. */
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

/** Each predicted from what is known. */
export function foresee(cases: readonly Case[], known: Calibration, name: Measured): Tried[] {
  const corrector = correctorOf(known);
  return cases.map((each) => ({
    technique: each.technique,
    estimate: corrector.estimate(each, each.features)[name],
    observed: each.observed[name] ?? 0,
  }));
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
