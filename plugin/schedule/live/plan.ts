import { randomFrom } from '../random.ts';
import { play } from './play.ts';
import { groupOf, type LiveMigration, type LivePlan, type LiveWorld } from './world.ts';

export interface PlanScheduleOptions {
  /** Other orders that are tried. Default 200. */
  rounds?: number;
  /** Default 1. */
  seed?: number;
  /** A ceiling from outside, e.g. a clock; the plan may then differ. */
  isOver?: () => boolean;
}

/** Less than this share of the cost is what sums of times of day are off by. */
const WORTH_CHANGING = 1e-6;

/**
 * When each migration starts and how fast it goes, for all that wait and run. Pure: the same world gives the same plan to
 * the byte, in whatever order its migrations come. Nothing is remembered between calls: at each event it is called
 * again, with what runs as it is then.
 *
 * It begins with each one's `turn` inside its group (or Algorithm 1's order: earliest deadline, shortest, arrival) and
 * keeps an exchange of two peers if the weighted completion falls. Groups, serial rules, caps, memory and ageing hold in
 * every order.
 */
export function planSchedule(given: LiveWorld, { rounds = 200, seed = 1, isOver }: PlanScheduleOptions = {}): LivePlan {
  const world = { ...given, migrations: [...given.migrations].sort((a, b) => a.id - b.id) };
  const sequence = world.migrations
    .map((_, index) => index)
    .sort((a, b) => compare(world.migrations[a], world.migrations[b]));
  const groups = peersOf(world, sequence);
  let best = play(world, placesOf(sequence));
  const random = randomFrom(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  for (let round = 0; round < rounds && groups.length > 0 && !isOver?.(); round++) {
    const places = pick(groups);
    const [one, other] = [pick(places), pick(places)];
    if (one === other) continue;
    exchange(sequence, one, other);
    const tried = play(world, placesOf(sequence));
    if (tried.cost < best.cost * (1 - WORTH_CHANGING)) best = tried;
    else exchange(sequence, one, other);
  }
  return best;
}

/** Places in the sequence between which those that wait may be exchanged. */
function peersOf({ migrations }: LiveWorld, sequence: readonly number[]): number[][] {
  const groups = new Map<string, number[]>();
  for (const [at, index] of sequence.entries()) {
    const own = migrations[index];
    if (!own || own.running) continue;
    const key = `${own.priority} ${own.peers ?? ''}`;
    groups.set(key, [...(groups.get(key) ?? []), at]);
  }
  return [...groups.values()].filter((places) => places.length > 1);
}

function compare(a: LiveMigration | undefined, b: LiveMigration | undefined): number {
  if (!a || !b) return 0;
  const deadline = (one: LiveMigration) => one.deadlineMs ?? Number.POSITIVE_INFINITY;
  const shortest = (one: LiveMigration) => one.remainingMs(one.mostBitsPerSecond);
  const less = (x: number, y: number) => (x === y ? 0 : x < y ? -1 : 1);
  return (
    groupOf(a) - groupOf(b) ||
    less(a.turn ?? 0, b.turn ?? 0) ||
    less(deadline(a), deadline(b)) ||
    less(shortest(a) / a.weight, shortest(b) / b.weight) ||
    a.receivedAtMs - b.receivedAtMs ||
    a.id - b.id
  );
}

function placesOf(sequence: readonly number[]): number[] {
  const places: number[] = [];
  for (const [at, index] of sequence.entries()) places[index] = at;
  return places;
}

function exchange(sequence: number[], one: number, other: number): void {
  const held = sequence[one] as number;
  sequence[one] = sequence[other] as number;
  sequence[other] = held;
}
