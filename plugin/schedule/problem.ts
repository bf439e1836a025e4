import type { Instance } from './instance.ts';

/**
 * An instance in flat arrays, as the search reads it. Links that are never in the way are gone; a serial group is a
 * link of capacity 1. `useStart[m]` to `useStart[m + 1]` are the places of move m in `useLink` and `useAmount`; the same
 * holds for `afterStart` and `after`.
 */
export interface Problem {
  count: number;
  linkCount: number;
  hostCount: number;
  resourceCount: number;
  capacity: Float64Array;
  useStart: Int32Array;
  useLink: Int32Array;
  useAmount: Float64Array;
  duration: Float64Array;
  /** Earliest start: its own release, and the boot of the destination. */
  release: Float64Array;
  /** What follows its end: the shutdown of the source. */
  tail: Float64Array;
  from: Int32Array;
  to: Int32Array;
  demand: Float64Array;
  /** `room[host * resourceCount + resource]`: free before anything moves. */
  room: Float64Array;
  afterStart: Int32Array;
  after: Int32Array;
  /** Whatever the order, no move ever waits for room on a host. */
  roomy: boolean;
  /** The end of what depends on no move: hosts that are switched off with nothing to leave them. */
  leastMakespan: number;
}

/** Sums of rates are compared with this share of slack, or a link could never be filled to the last bit. */
export const SLACK = 1e-9;

export function problemOf(instance: Instance): Problem {
  const { hosts, moves } = instance;
  const resourceCount = instance.resources.length;
  const capacities: number[] = [];
  const place = new Map<number, number>();
  const groups = new Map<string, number>();
  const useStart = [0];
  const useLink: number[] = [];
  const useAmount: number[] = [];
  const afterStart = [0];
  const after: number[] = [];
  for (const move of moves) {
    for (const { link, amount } of move.uses) {
      const capacity = instance.links[link]?.capacity ?? 0;
      if (!Number.isFinite(capacity)) continue;
      if (!place.has(link)) place.set(link, capacities.push(capacity) - 1);
      useLink.push(place.get(link) ?? 0);
      useAmount.push(amount);
    }
    if (move.serialGroup !== undefined) {
      if (!groups.has(move.serialGroup)) groups.set(move.serialGroup, capacities.push(1) - 1);
      useLink.push(groups.get(move.serialGroup) ?? 0);
      useAmount.push(1);
    }
    useStart.push(useLink.length);
    after.push(...(move.after ?? []));
    afterStart.push(after.length);
  }
  const room = Float64Array.from(hosts.flatMap((host) => host.capacity.map((all, r) => all - (host.used[r] ?? 0))));
  const demand = Float64Array.from(moves.flatMap((move) => [...move.demand]));
  const left = new Set(moves.map(({ from }) => from));
  const idle = hosts.filter((host, index) => host.shutdownSeconds !== null && !left.has(index));
  return {
    count: moves.length,
    linkCount: capacities.length,
    hostCount: hosts.length,
    resourceCount,
    capacity: Float64Array.from(capacities),
    useStart: Int32Array.from(useStart),
    useLink: Int32Array.from(useLink),
    useAmount: Float64Array.from(useAmount),
    duration: Float64Array.from(moves, (move) => move.durationSeconds),
    release: Float64Array.from(moves, (move) => Math.max(move.releaseSeconds ?? 0, hosts[move.to]?.bootSeconds ?? 0)),
    tail: Float64Array.from(moves, (move) => hosts[move.from]?.shutdownSeconds ?? 0),
    from: Int32Array.from(moves, (move) => move.from),
    to: Int32Array.from(moves, (move) => move.to),
    demand,
    room,
    afterStart: Int32Array.from(afterStart),
    after: Int32Array.from(after),
    roomy: isRoomy(room, demand, moves, resourceCount),
    leastMakespan: Math.max(0, ...idle.map((host) => host.shutdownSeconds ?? 0)),
  };
}

function isRoomy(room: Float64Array, demand: Float64Array, moves: Instance['moves'], resourceCount: number): boolean {
  const free = room.slice();
  return moves.every(({ to }, m) => {
    for (let r = 0; r < resourceCount; r++) {
      const at = to * resourceCount + r;
      free[at] = (free[at] ?? 0) - (demand[m * resourceCount + r] ?? 0);
      if ((free[at] ?? 0) < -SLACK) return false;
    }
    return true;
  });
}

/** The last end, with what follows it; infinite if one has no start. */
export function makespanOf(problem: Problem, starts: Float64Array): number {
  let last = problem.leastMakespan;
  for (let m = 0; m < problem.count; m++) {
    const end = (starts[m] ?? 0) + (problem.duration[m] ?? 0) + (problem.tail[m] ?? 0);
    if (!(end <= last)) last = Number.isNaN(end) ? Number.POSITIVE_INFINITY : end;
  }
  return last;
}

/** Seconds that each link is busy with the moves that cross it, if it is never idle. */
export function workByLink({ count, linkCount, useStart, useLink, useAmount, duration, capacity }: Problem) {
  const work = new Float64Array(linkCount);
  for (let m = 0; m < count; m++) {
    for (let u = useStart[m] as number; u < (useStart[m + 1] as number); u++) {
      const link = useLink[u] as number;
      const seconds = ((useAmount[u] as number) * (duration[m] as number)) / (capacity[link] as number);
      work[link] = (work[link] as number) + seconds;
    }
  }
  return work;
}
