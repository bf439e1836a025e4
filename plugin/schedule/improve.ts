import { type Listed, listSchedule } from './list.ts';
import { obstaclesOf } from './obstacles.ts';
import { makespanOf, type Problem } from './problem.ts';
import { randomFrom } from './random.ts';

export interface ImproveOptions {
  /** How much is tried: as many list schedules as cost this much together (in `Listed.cost`), at least one. */
  effort: number;
  /** And not more list schedules than this. */
  rounds: number;
  /** It ends as soon as a schedule is no longer than this. */
  target: number;
  seed: number;
  /** Asked before each round; it ends when this says so. The core itself reads no clock. */
  isOver?: () => boolean;
}

/**
 * Tries list schedules with other weights and keeps the best: what ended last is made more urgent ("squeaky wheel",
 * Joslin & Clements 1999), together with a little chance; a round that made nothing better is forgotten. First of all
 * counts that every move has a start, then the makespan, then the sum of ends.
 */
export function improve(problem: Problem, { effort, rounds, target, seed, isOver }: ImproveOptions): Listed {
  const random = randomFrom(seed);
  let bestWeight: Float64Array = new Float64Array(problem.count).fill(1);
  const obstacles = obstaclesOf(problem);
  let best = listSchedule(problem, bestWeight, obstacles);
  let bestScore = scoreOf(problem, best);
  let spent = best.cost;
  for (let round = 1; round < rounds && spent < effort; round++) {
    if (isGood(bestScore, target) || isOver?.()) break;
    const weight =
      round % 4 === 0 ? scattered(bestWeight, random) : squeaked(problem, best, bestWeight, target, random);
    const listed = listSchedule(problem, weight, obstacles);
    spent += listed.cost;
    const score = scoreOf(problem, listed);
    if (isBelow(score, bestScore)) {
      best = listed;
      bestScore = score;
      bestWeight = weight;
    }
  }
  return best;
}

interface Score {
  unplaced: number;
  makespan: number;
  ends: number;
}

function scoreOf(problem: Problem, { starts, unplaced }: Listed): Score {
  let ends = 0;
  for (let m = 0; m < problem.count; m++) ends += (starts[m] as number) + (problem.duration[m] as number);
  return { unplaced, makespan: unplaced > 0 ? Number.POSITIVE_INFINITY : makespanOf(problem, starts), ends };
}

function isGood({ unplaced, makespan }: Score, target: number): boolean {
  return unplaced === 0 && makespan <= target + 1e-6;
}

function isBelow(a: Score, b: Score): boolean {
  if (a.unplaced !== b.unplaced) return a.unplaced < b.unplaced;
  return a.makespan !== b.makespan ? a.makespan < b.makespan : a.ends <= b.ends;
}

/** Of those that end after the target, or never start, half gain; a few others change by chance. */
function squeaked(
  problem: Problem,
  { starts }: Listed,
  weight: Float64Array,
  target: number,
  random: () => number,
): Float64Array {
  return weight.map((own, m) => {
    const end = (starts[m] as number) + (problem.duration[m] as number) + (problem.tail[m] as number);
    const late = !(end <= target);
    if (late && random() < 0.5) return own * (1 + random());
    return random() < 0.05 ? own * (0.8 + 0.4 * random()) : own;
  });
}

function scattered(weight: Float64Array, random: () => number): Float64Array {
  return weight.map((own) => own * (0.95 + 0.1 * random()));
}
