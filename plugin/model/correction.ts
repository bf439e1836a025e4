import { median, type Spread, spreadOf } from './interval.ts';

/** A figure of one finished migration: as the model has it, and as it came. */
export interface Point {
  pair: string;
  predicted: number;
  observed: number;
}

export interface Correction {
  line: (predicted: number) => number;
  pairs: ReadonlyMap<string, number>;
  spread: Spread;
}

/** So many migrations weigh as much as what is known one level up. */
const SHRINK_TO_MODEL = 4;
const SHRINK_TO_TECHNIQUE = 6;
/** Errors made while next to nothing was known say nothing of what is known now. */
const APPRENTICESHIP = 20;
const SLOPES = { least: 1 / 3, most: 3 };
/** A line needs predictions that differ: the upper this many times the lower. */
const LEVERAGE = 1.2;
const FEWEST_SLOPES = 3;

/**
 * Three levels, each drawn towards the one above by how little it has seen:
 *
 * 1. a robust line, observed = added + factor × predicted (Theil 1950, incomplete method), for fixed overheads and
 *    for a bandwidth that the model has wrong;
 * 2. pair of hosts: the median ratio of what is left;
 * 3. the spread: quantiles of `errors`, each made before its outcome was known; `prior` while they are few.
 */
export function correctionOf(points: readonly Point[], errors: readonly number[], prior: Spread): Correction {
  const line = lineThrough(points);
  const grown = errors.length >= 3 * APPRENTICESHIP ? errors.slice(APPRENTICESHIP) : errors;
  return { line, pairs: pairFactors(points, line), spread: spreadOf(grown, prior) };
}

/** Mean of |log(observed / corrected)| by the line alone; a prediction that it would never end counts as 3 times off. */
export function misfit(points: readonly Point[]): number {
  const line = lineThrough(points);
  const off = points.map(({ predicted, observed }) => Math.abs(Math.log(observed / line(predicted))));
  return (
    off.reduce((sum, each) => sum + (Number.isFinite(each) ? Math.min(each, Math.log(3)) : Math.log(3)), 0) / off.length
  );
}

function lineThrough(all: readonly Point[]): (predicted: number) => number {
  const points = all.filter(({ predicted }) => Number.isFinite(predicted));
  if (points.length === 0) return (predicted) => predicted;
  const { factor, added } = theil(points);
  const weight = points.length / (points.length + SHRINK_TO_MODEL);
  const straight = (predicted: number) => Math.max(added + factor * predicted, SLOPES.least * predicted);
  const shrunk = (predicted: number) => predicted * (straight(predicted) / predicted) ** weight;
  // The line is fitted to differences, but it is ratios that count.
  const rest = median(points.map(({ predicted, observed }) => Math.log(observed / shrunk(predicted))));
  const scale = Math.exp(rest * weight);
  return (predicted) => (Number.isFinite(predicted) ? shrunk(predicted) * scale : predicted);
}

function theil(points: readonly Point[]): { factor: number; added: number } {
  const sorted = [...points].sort((a, b) => a.predicted - b.predicted);
  const half = Math.floor(sorted.length / 2);
  const slopes = sorted.slice(sorted.length - half).flatMap((upper, index) => {
    const lower = sorted[index];
    if (!lower || upper.predicted < LEVERAGE * lower.predicted) return [];
    return [(upper.observed - lower.observed) / (upper.predicted - lower.predicted)];
  });
  if (slopes.length < FEWEST_SLOPES) {
    return { factor: median(points.map(({ observed, predicted }) => observed / predicted)), added: 0 };
  }
  const factor = Math.min(Math.max(median(slopes), SLOPES.least), SLOPES.most);
  return { factor, added: median(points.map(({ observed, predicted }) => observed - factor * predicted)) };
}

function pairFactors(points: readonly Point[], line: (predicted: number) => number): Map<string, number> {
  const errors = Map.groupBy(
    points.filter(({ predicted }) => Number.isFinite(predicted)),
    ({ pair }) => pair,
  );
  return new Map(
    [...errors].map(([pair, those]) => {
      const weight = those.length / (those.length + SHRINK_TO_TECHNIQUE);
      return [pair, Math.exp(weight * median(those.map((each) => Math.log(each.observed / line(each.predicted)))))];
    }),
  );
}
