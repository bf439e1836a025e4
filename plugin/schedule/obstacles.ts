import { type Problem, SLACK } from './problem.ts';

/** What stands in the way of which moves, kept while a schedule is made. */
export interface Obstacles {
  /** Nothing runs, nothing waits. */
  reset(): void;
  /** From now on `waiting` is the order of urgency; those for which `isAdmitted` holds may start if nothing stops them. */
  order(waiting: readonly number[], isAdmitted: (m: number) => boolean): void;
  /** This one may start from now on. */
  admit(m: number): void;
  start(m: number): void;
  finish(m: number): void;
  /** Looks at all obstacles anew; `next` then gives the most urgent move that fits, each time one less urgent, -1 at the end. */
  look(): void;
  next(): number;
  /** Words looked at since `reset`. */
  cost(): number;
}

/**
 * Moves that take the same amount of the same link, or the same room on the same host, meet the same obstacle: such a
 * class is either open or closed to all of them. Each class is a set of bits, one for each place in the order of
 * urgency.
 */
export function obstaclesOf(problem: Problem): Obstacles {
  const { count, linkCount, hostCount, resourceCount, useStart, useLink, useAmount, capacity } = problem;
  const words = Math.max(1, Math.ceil(count / 32));
  const { classOfUse, classOfRoom, classAmount, classMove, classesOn } = classesOf(problem);
  const classCount = classAmount.length;
  const stops = new Int32Array(classCount * words);
  const closed = new Int32Array(classCount);
  const closedAt = new Int32Array(classCount).fill(-1);
  const admitted = new Int32Array(words);
  const stopped = new Int32Array(words);
  const place = new Int32Array(count);
  const byPlace = new Int32Array(count);
  const free = new Float64Array(linkCount);
  const room = new Float64Array(hostCount * resourceCount);
  let closedCount = 0;
  let word = 0;
  let looked = 0;
  return { reset, order, admit, start, finish, look, next, cost: () => looked };

  function reset(): void {
    free.set(capacity);
    room.set(problem.room);
    closedCount = 0;
    closedAt.fill(-1);
    admitted.fill(0);
    looked = 0;
    for (let on = 0; on < linkCount + hostCount; on++) review(on);
  }

  function order(waiting: readonly number[], isAdmitted: (m: number) => boolean): void {
    stops.fill(0);
    admitted.fill(0);
    waiting.forEach((m, at) => {
      const bit = 1 << (at & 31);
      const inWord = at >> 5;
      place[m] = at;
      byPlace[at] = m;
      for (let u = useStart[m] as number; u < (useStart[m + 1] as number); u++)
        mark(classOfUse[u] as number, inWord, bit);
      if (resourceCount > 0) mark(classOfRoom[m] as number, inWord, bit);
      if (isAdmitted(m)) admitted[inWord] = (admitted[inWord] as number) | bit;
    });
    looked += (classCount * words) / 8 + waiting.length * 4;
  }

  function mark(kind: number, inWord: number, bit: number): void {
    const at = kind * words + inWord;
    stops[at] = (stops[at] as number) | bit;
  }

  function admit(m: number): void {
    const at = place[m] as number;
    admitted[at >> 5] = (admitted[at >> 5] as number) | (1 << (at & 31));
  }

  function start(m: number): void {
    const at = place[m] as number;
    admitted[at >> 5] = (admitted[at >> 5] as number) & ~(1 << (at & 31));
    for (let u = useStart[m] as number; u < (useStart[m + 1] as number); u++) {
      const link = useLink[u] as number;
      free[link] = (free[link] as number) - (useAmount[u] as number);
      review(link);
    }
    if (resourceCount > 0) fill(m, problem.to[m] as number, -1);
  }

  function finish(m: number): void {
    for (let u = useStart[m] as number; u < (useStart[m + 1] as number); u++) {
      const link = useLink[u] as number;
      free[link] = (free[link] as number) + (useAmount[u] as number);
      review(link);
    }
    if (resourceCount > 0) fill(m, problem.from[m] as number, 1);
  }

  function fill(m: number, host: number, sign: number): void {
    for (let r = 0; r < resourceCount; r++) {
      const at = host * resourceCount + r;
      room[at] = (room[at] as number) + sign * (problem.demand[m * resourceCount + r] as number);
    }
    review(linkCount + host);
  }

  /** Opens and closes the classes of one link or host; what is closed now counts at once, what opens at the next look. */
  function review(on: number): void {
    const kinds = classesOn[on] as readonly number[];
    for (const kind of kinds) {
      const isClosed =
        on < linkCount ? !fitsOn(on, classAmount[kind] as number) : !hasRoom(on - linkCount, classMove[kind] as number);
      const at = closedAt[kind] as number;
      if (isClosed && at < 0) {
        closedAt[kind] = closedCount;
        closed[closedCount++] = kind;
        addStops(kind, word);
      } else if (!isClosed && at >= 0) {
        const moved = closed[--closedCount] as number;
        closed[at] = moved;
        closedAt[moved] = at;
        closedAt[kind] = -1;
      }
    }
  }

  function fitsOn(link: number, amount: number): boolean {
    return amount <= (free[link] as number) + SLACK * (capacity[link] as number);
  }

  function hasRoom(host: number, m: number): boolean {
    for (let r = 0; r < resourceCount; r++) {
      const needs = problem.demand[m * resourceCount + r] as number;
      if (needs > (room[host * resourceCount + r] as number) + SLACK) return false;
    }
    return true;
  }

  function addStops(kind: number, fromWord: number): void {
    const base = kind * words;
    for (let w = fromWord; w < words; w++) stopped[w] = (stopped[w] as number) | (stops[base + w] as number);
    looked += words - fromWord;
  }

  function look(): void {
    stopped.fill(0);
    word = 0;
    for (let i = 0; i < closedCount; i++) addStops(closed[i] as number, 0);
  }

  function next(): number {
    for (; word < words; word++) {
      const fit = (admitted[word] as number) & ~(stopped[word] as number);
      if (fit !== 0) return byPlace[(word << 5) | (31 - Math.clz32(fit & -fit))] as number;
    }
    return -1;
  }
}

/** Sorts every use of a link, and the room that each move needs, into classes. */
function classesOf(problem: Problem) {
  const { count, linkCount, hostCount, resourceCount, useStart, useLink, useAmount } = problem;
  const classesOn: number[][] = Array.from({ length: linkCount + hostCount }, () => []);
  const known = new Map<string, number>();
  const classAmount: number[] = [];
  const classMove: number[] = [];
  const classOf = (on: number, size: string, amount: number, m: number) => {
    const key = `${on} ${size}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = classAmount.push(amount) - 1;
    classMove.push(m);
    known.set(key, made);
    classesOn[on]?.push(made);
    return made;
  };
  const classOfUse = new Int32Array(useLink.length);
  const classOfRoom = new Int32Array(count);
  for (let m = 0; m < count; m++) {
    for (let u = useStart[m] as number; u < (useStart[m + 1] as number); u++) {
      const amount = useAmount[u] as number;
      classOfUse[u] = classOf(useLink[u] as number, String(amount), amount, m);
    }
    if (resourceCount === 0) continue;
    const demand = problem.demand.subarray(m * resourceCount, (m + 1) * resourceCount).join(' ');
    classOfRoom[m] = classOf(linkCount + (problem.to[m] as number), demand, 0, m);
  }
  return { classOfUse, classOfRoom, classAmount, classMove, classesOn };
}
