import type { Instance } from './instance.ts';
import { type Problem, SLACK, workByLink } from './problem.ts';

/**
 * The lower bound that the literature's comparison uses: the busiest link's work, and the longest single chain of boot,
 * migration and shutdown. Seconds; no schedule ends before it.
 */
export function lowerBound(instance: Instance, problem: Problem): number {
  let bound = problem.leastMakespan;
  for (const seconds of workByLink(problem)) bound = Math.max(bound, seconds);
  for (let m = 0; m < problem.count; m++) {
    const boot = instance.hosts[problem.to[m] as number]?.bootSeconds ?? 0;
    bound = Math.max(bound, boot + (problem.duration[m] as number) + (problem.tail[m] as number));
  }
  return bound;
}

/**
 * A bound at least as high: a link is not used before the first of its moves may start (its destination has booted; if
 * that is full, something has left it), and after the last one's end its source still shuts down. For each set of moves of a link that start at or after some time and are followed by at least
 * some time, that time + their work + the other (Carlier 1982, the one-machine bound with heads and tails).
 *
 * | on one link, 10 moves of 30 s | bound |
 * |---|---|
 * | to a host that is on | 300 |
 * | to a host that boots for 120 s | 420 |
 * | and from hosts that then shut down in 17 s | 437 |
 * | to a full host, which the first VM leaves in 18 s | 318 |
 */
export function tightBound(instance: Instance, problem: Problem): number {
  const { count, useStart, useLink, useAmount, duration, tail, capacity } = problem;
  const release = soonestStarts(problem);
  let bound = lowerBound(instance, problem);
  for (let m = 0; m < count; m++) {
    bound = Math.max(bound, (release[m] as number) + (duration[m] as number) + (tail[m] as number));
  }
  const onLink = Array.from({ length: problem.linkCount }, (): { m: number; seconds: number }[] => []);
  for (let m = 0; m < count; m++) {
    for (let u = useStart[m] as number; u < (useStart[m + 1] as number); u++) {
      const link = useLink[u] as number;
      onLink[link]?.push({
        m,
        seconds: ((useAmount[u] as number) * (duration[m] as number)) / (capacity[link] as number),
      });
    }
  }
  for (const items of onLink) {
    for (const least of new Set(items.map(({ m }) => tail[m] as number))) {
      const followed = items.filter(({ m }) => (tail[m] as number) >= least);
      followed.sort((a, b) => (release[b.m] as number) - (release[a.m] as number));
      let seconds = 0;
      for (const item of followed) {
        seconds += item.seconds;
        bound = Math.max(bound, (release[item.m] as number) + seconds + least);
      }
    }
  }
  return bound;
}

/** Room must come free in turns; more of them than this are not followed. */
const TURNS = 16;

/** When each move may start at the soonest, if on a host that has no room for it something must end first. */
function soonestStarts({ count, resourceCount, release, duration, demand, room, from, to }: Problem): Float64Array {
  const soonest = release.slice();
  const leaving = new Map<number, number[]>();
  for (let m = 0; m < count; m++) leaving.set(from[m] as number, [...(leaving.get(from[m] as number) ?? []), m]);
  const barred: number[] = [];
  for (let m = 0; m < count; m++) {
    for (let r = 0; r < resourceCount; r++) {
      const free = room[(to[m] as number) * resourceCount + r] as number;
      if ((demand[m * resourceCount + r] as number) <= free + SLACK) continue;
      barred.push(m);
      break;
    }
  }
  for (let turn = 0; turn < TURNS; turn++) {
    let moved = false;
    for (const m of barred) {
      const ends = (leaving.get(to[m] as number) ?? []).map(
        (other) => (soonest[other] as number) + (duration[other] as number),
      );
      const first = Math.min(...ends);
      if (!(first > (soonest[m] as number))) continue;
      soonest[m] = first;
      moved = true;
    }
    if (!moved) break;
  }
  return soonest;
}
