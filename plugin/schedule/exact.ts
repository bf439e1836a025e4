import { type Problem, SLACK } from './problem.ts';

/** The most moves that it takes: what was started is one bit mask. */
export const MOST_EXACT_MOVES = 30;

export interface Exact {
  /** Null: nothing shorter than `upper` was found. */
  starts: Float64Array | null;
  makespan: number;
  /** Whether everything was searched, so that nothing shorter exists. */
  proven: boolean;
}

/**
 * Branch and bound over the order of starts: each move is put at its earliest time that is not before the start put last
 * (complete for makespan: any best schedule, pushed to the left, is found in the order of its starts; Patterson et al.
 * 1989). A branch ends when the work left on a link, or a move's own earliest end, cannot beat the best, or when the
 * same moves were started with the same left running before.
 *
 * `upper` is a makespan already known; `lower` a bound: it ends there. At most `nodes` states are opened.
 */
export function searchExact(
  problem: Problem,
  upper: number,
  lower: number,
  nodes: number,
  isOver?: () => boolean,
): Exact {
  const { count, linkCount, resourceCount, useStart, useLink, useAmount, duration, release, tail, capacity } = problem;
  if (count > MOST_EXACT_MOVES || count === 0) return { starts: null, makespan: upper, proven: count === 0 };
  const starts = new Float64Array(count).fill(Number.NaN);
  const work = new Float64Array(linkCount);
  const tails = new Float64Array(linkCount);
  const twins = twinBefore(problem);
  const seen = new Map<string, number>();
  let best: Float64Array | null = null;
  let makespan = upper;
  let opened = 0;
  let cut = false;
  const all = 2 ** count - 1;

  descend(0, 0, [], problem.leastMakespan);
  return { starts: best, makespan, proven: !cut };

  /** `running`: started and possibly not ended at `now`, which is the start put last; `last`: the end of all put so far. */
  function descend(mask: number, now: number, running: number[], last: number): void {
    if (makespan <= lower + 1e-6) return;
    if (mask === all) {
      if (last < makespan - 1e-9) {
        makespan = last;
        best = starts.slice();
      }
      return;
    }
    if (++opened > nodes || (opened % 1024 === 0 && isOver?.())) cut = true;
    if (cut) return;
    const alive = running.filter((m) => endOf(m) > now);
    if (linkBound(mask, now, alive) >= makespan - 1e-9) return;
    const key = stateKey(mask, now, alive);
    const before = seen.get(key);
    if (before !== undefined && before <= last) return;
    seen.set(key, last);

    const options: { m: number; at: number }[] = [];
    let soonestEnd = Number.POSITIVE_INFINITY;
    for (let m = 0; m < count; m++) {
      if (mask & (1 << m)) continue;
      const twin = twins[m] as number;
      if (twin >= 0 && !(mask & (1 << twin))) continue;
      const at = earliest(m, mask, now, alive);
      if (at === Number.POSITIVE_INFINITY) continue;
      // It can only start later than now: if it cannot beat the best even so, no order below does. Others' departures may
      // bring its room forward, so where room is scarce only its release counts.
      const soonest = problem.roomy ? at : Math.max(now, release[m] as number);
      if (soonest + (duration[m] as number) + (tail[m] as number) >= makespan - 1e-9) return;
      options.push({ m, at });
      soonestEnd = Math.min(soonestEnd, at + (duration[m] as number));
    }
    options.sort((a, b) => a.at - b.at || (duration[b.m] as number) - (duration[a.m] as number) || a.m - b.m);
    for (const { m, at } of options) {
      // Another would have ended by then, so it could go first without being in anybody's way (unless room is scarce).
      if (problem.roomy && at >= soonestEnd) break;
      starts[m] = at;
      descend(mask | (1 << m), at, [...alive, m], Math.max(last, endOf(m) + (tail[m] as number)));
      starts[m] = Number.NaN;
    }
  }

  function endOf(m: number): number {
    return (starts[m] as number) + (duration[m] as number);
  }

  function earliest(m: number, mask: number, now: number, alive: readonly number[]): number {
    let at = Math.max(now, release[m] as number);
    for (let a = problem.afterStart[m] as number; a < (problem.afterStart[m + 1] as number); a++) {
      const before = problem.after[a] as number;
      if (!(mask & (1 << before))) return Number.POSITIVE_INFINITY;
      at = Math.max(at, endOf(before));
    }
    const times = [at, ...alive.map(endOf).filter((end) => end > at)].sort((a, b) => a - b);
    return times.find((time) => fits(m, mask, time, alive)) ?? Number.POSITIVE_INFINITY;
  }

  function fits(m: number, mask: number, time: number, alive: readonly number[]): boolean {
    for (let u = useStart[m] as number; u < (useStart[m + 1] as number); u++) {
      const link = useLink[u] as number;
      let used = useAmount[u] as number;
      for (const other of alive) if (endOf(other) > time) used += amountOn(other, link);
      if (used > (capacity[link] as number) * (1 + SLACK)) return false;
    }
    const to = problem.to[m] as number;
    for (let r = 0; r < resourceCount; r++) {
      let room = (problem.room[to * resourceCount + r] as number) - (problem.demand[m * resourceCount + r] as number);
      for (let other = 0; other < count; other++) {
        if (!(mask & (1 << other))) continue;
        const demand = problem.demand[other * resourceCount + r] as number;
        if (problem.to[other] === to) room -= demand;
        if (problem.from[other] === to && endOf(other) <= time) room += demand;
      }
      if (room < -SLACK) return false;
    }
    return true;
  }

  function amountOn(m: number, link: number): number {
    let amount = 0;
    for (let u = useStart[m] as number; u < (useStart[m + 1] as number); u++) {
      if (useLink[u] === link) amount += useAmount[u] as number;
    }
    return amount;
  }

  /** Now, plus the work that each link still has, plus the shortest shutdown that follows any of it. */
  function linkBound(mask: number, now: number, alive: readonly number[]): number {
    work.fill(0);
    tails.fill(Number.POSITIVE_INFINITY);
    for (const m of alive) addWork(m, endOf(m) - now);
    for (let m = 0; m < count; m++) if (!(mask & (1 << m))) addWork(m, duration[m] as number);
    let bound = 0;
    for (let link = 0; link < linkCount; link++) {
      const seconds = work[link] as number;
      if (seconds > 0) bound = Math.max(bound, now + seconds + (tails[link] as number));
    }
    return bound;
  }

  function addWork(m: number, seconds: number): void {
    for (let u = useStart[m] as number; u < (useStart[m + 1] as number); u++) {
      const link = useLink[u] as number;
      work[link] = (work[link] as number) + ((useAmount[u] as number) * seconds) / (capacity[link] as number);
      tails[link] = Math.min(tails[link] as number, tail[m] as number);
    }
  }

  function stateKey(mask: number, now: number, alive: readonly number[]): string {
    const left = [...alive].sort((a, b) => a - b).map((m) => `${m}:${endOf(m)}`);
    return `${mask}@${now}|${left.join(',')}`;
  }
}

/** For each move the last one before it that differs in nothing, or -1: of twins the first goes first. */
function twinBefore(problem: Problem): Int32Array {
  const last = new Map<string, number>();
  const waitedFor = new Set(problem.after);
  return Int32Array.from({ length: problem.count }, (_, m) => {
    const uses = [];
    for (let u = problem.useStart[m] as number; u < (problem.useStart[m + 1] as number); u++) {
      uses.push(`${problem.useLink[u]}:${problem.useAmount[u]}`);
    }
    const { resourceCount } = problem;
    const demand = problem.demand.slice(m * resourceCount, (m + 1) * resourceCount);
    const own = [problem.from[m], problem.to[m], problem.duration[m], problem.release[m], uses, ...demand].join(' ');
    const hasOrder = waitedFor.has(m) || problem.afterStart[m] !== problem.afterStart[m + 1];
    if (hasOrder) return -1;
    const twin = last.get(own) ?? -1;
    last.set(own, m);
    return twin;
  });
}
