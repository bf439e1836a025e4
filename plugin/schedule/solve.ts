import { lowerBound, tightBound } from './bound.ts';
import { searchExact } from './exact.ts';
import { improve } from './improve.ts';
import type { Instance, Schedule } from './instance.ts';
import { makespanOf, problemOf } from './problem.ts';

export interface SolveOptions {
  /** Default 1. The same seed and instance give the same schedule to the byte, unless `isOver` ends it. */
  seed?: number;
  /** How much is tried, in words that the list schedules look at. Default 20 million, some 0.2 s. */
  effort?: number;
  /** States that the exact search may open, default 60,000 (it is tried with few moves only). */
  nodes?: number;
  /** A ceiling from outside, e.g. a clock. */
  isOver?: () => boolean;
}

export interface Solved extends Schedule {
  /** As the literature's comparison counts it. */
  lowerBoundSeconds: number;
  /** A higher one where boots, shutdowns or release times stand before and behind a link's work. */
  tightBoundSeconds: number;
  /** Nothing shorter exists: it meets a bound, or everything was searched. */
  optimal: boolean;
}

const EXACT_MOVES = 16;

/** Schedules all moves of an instance for the shortest makespan. Pure: no clock, no chance but the seed's. */
export function solve(instance: Instance, options: SolveOptions = {}): Solved {
  const { seed = 1, effort = 20_000_000, nodes = 60_000, isOver } = options;
  const problem = problemOf(instance);
  const lowerBoundSeconds = lowerBound(instance, problem);
  const tightBoundSeconds = tightBound(instance, problem);
  const small = problem.count <= EXACT_MOVES;
  const over = isOver ? { isOver } : {};
  const listed = improve(problem, { effort, rounds: small ? 200 : 2000, target: tightBoundSeconds, seed, ...over });
  let starts = listed.starts;
  let makespan = listed.unplaced > 0 ? Number.POSITIVE_INFINITY : makespanOf(problem, starts);
  let optimal = makespan <= tightBoundSeconds + 1e-6;
  if (small && !optimal) {
    const exact = searchExact(problem, makespan, tightBoundSeconds, nodes, isOver);
    if (exact.starts) {
      starts = exact.starts;
      makespan = exact.makespan;
    }
    optimal = exact.proven && makespan < Number.POSITIVE_INFINITY;
  }
  return {
    starts: Array.from(starts, (start) => (Number.isNaN(start) ? null : start)),
    makespanSeconds: makespan,
    lowerBoundSeconds,
    tightBoundSeconds,
    optimal,
  };
}
