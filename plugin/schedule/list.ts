import { EndHeap } from './heap.ts';
import { obstaclesOf } from './obstacles.ts';
import { type Problem, workByLink } from './problem.ts';

/** Start times by move (NaN: it never could start), how many have none, and what it cost, in words looked at. */
export interface Listed {
  starts: Float64Array;
  unplaced: number;
  cost: number;
}

/** The order of urgency is made anew whenever this share of the moves has started. */
const RANKED_ANEW = 1 / 40;

/** What else a move costs, as if it were words looked at (some 10 ns each). */
const COST_OF_A_MOVE = 300;

/**
 * List scheduling, forward in time: whenever something ends or is released, the most urgent of all that fit starts,
 * until none fits. Urgent is what crosses the link with the most work left, times `weight` of the move: the search
 * turns that knob.
 *
 * Each obstacle (a full link, a host without room) is a set of the moves that it stops, one bit for each in the order
 * of urgency; so what may start is the first bit that is in none of them, and an event costs a few words for each
 * obstacle, whatever waits.
 */
export function listSchedule(problem: Problem, weight: Float64Array, obstacles = obstaclesOf(problem)): Listed {
  const { count, useStart, useLink, useAmount, duration, release, tail, capacity } = problem;
  const starts = new Float64Array(count).fill(Number.NaN);
  const work = workByLink(problem);
  const urgency = new Float64Array(count);
  const waitsFor = Int32Array.from({ length: count }, (_, m) => afterCount(problem, m));
  const followers = followersOf(problem);
  const isReleased = new Uint8Array(count);
  const byRelease = Array.from(release.keys()).sort((a, b) => (release[a] as number) - (release[b] as number) || a - b);
  const ends = new EndHeap(count);
  const rankEvery = Math.max(1, Math.floor(count * RANKED_ANEW));
  let released = 0;
  let unplaced = count;
  let now = 0;
  let rankAt = count;

  obstacles.reset();
  while (unplaced > 0) {
    const nextRelease =
      released < count ? (release[byRelease[released] as number] as number) : Number.POSITIVE_INFINITY;
    now = Math.min(ends.soonest(), nextRelease);
    if (now === Number.POSITIVE_INFINITY) break;
    if (unplaced <= rankAt) rank();
    while (ends.soonest() <= now) finish(ends.pop());
    while (released < count && (release[byRelease[released] as number] as number) <= now) {
      const m = byRelease[released++] as number;
      isReleased[m] = 1;
      if (waitsFor[m] === 0) obstacles.admit(m);
    }
    obstacles.look();
    for (let m = obstacles.next(); m >= 0; m = obstacles.next()) start(m);
  }
  return { starts, unplaced, cost: obstacles.cost() + count * COST_OF_A_MOVE };

  function rank(): void {
    rankAt = unplaced - rankEvery;
    const waiting: number[] = [];
    for (let m = 0; m < count; m++) {
      if (!Number.isNaN(starts[m] as number)) continue;
      urgency[m] = urgencyOf(m);
      waiting.push(m);
    }
    waiting.sort((a, b) => (urgency[b] as number) - (urgency[a] as number) || a - b);
    obstacles.order(waiting, (m) => isReleased[m] === 1 && waitsFor[m] === 0);
  }

  /** The link with the most work left counts, the others a little: they tell apart what crosses the same one. */
  function urgencyOf(m: number): number {
    let most = duration[m] as number;
    let sum = 0;
    for (let u = useStart[m] as number; u < (useStart[m + 1] as number); u++) {
      const left = work[useLink[u] as number] as number;
      sum += left;
      if (left > most) most = left;
    }
    return (most + sum / 8 + (tail[m] as number)) * (weight[m] as number);
  }

  function start(m: number): void {
    starts[m] = now;
    unplaced--;
    ends.push(now + (duration[m] as number), m);
    obstacles.start(m);
    for (let u = useStart[m] as number; u < (useStart[m + 1] as number); u++) {
      const link = useLink[u] as number;
      const seconds = ((useAmount[u] as number) * (duration[m] as number)) / (capacity[link] as number);
      work[link] = (work[link] as number) - seconds;
    }
  }

  function finish(m: number): void {
    obstacles.finish(m);
    for (const follower of followers.get(m) ?? []) {
      waitsFor[follower] = (waitsFor[follower] as number) - 1;
      if (waitsFor[follower] === 0 && isReleased[follower] === 1) obstacles.admit(follower);
    }
  }
}

function afterCount({ afterStart }: Problem, m: number): number {
  return (afterStart[m + 1] as number) - (afterStart[m] as number);
}

function followersOf({ count, afterStart, after }: Problem): Map<number, number[]> {
  const followers = new Map<number, number[]>();
  for (let m = 0; m < count; m++) {
    for (let a = afterStart[m] as number; a < (afterStart[m + 1] as number); a++) {
      const before = after[a] as number;
      followers.set(before, [...(followers.get(before) ?? []), m]);
    }
  }
  return followers;
}
