/** The bound on how long a migration waits (policy/starting.ts), looked for in what was played, and courses to play. */
import fc from 'fast-check';
import type { Priority } from '../../../../plugin/contract.ts';
import type { OrderKey } from '../../../../plugin/policy/schema/timing.ts';
import type { Arrival, Course, Life } from './forward.ts';
import { seedPolicy } from './worlds.ts';

const NAMES = ['compute-1', 'compute-2', 'compute-3', 'compute-4'];
/** Of the day, UTC: 08:00, as NOW in worlds.ts. */
const BEGINS_AT_MINUTE = 480;

export interface OpenCourse extends Course {
  /** The window of the low ones opens then and stays open; 0: they have none. */
  lowOpensMs: number;
}

/** Since when each stands before all groups. */
export function agesAtMs({ policy, lowOpensMs }: OpenCourse, { atMs, priority }: Arrival): number {
  return Math.max(atMs, priority === 'low' ? lowOpensMs : 0) + policy.maxWaitMs;
}

/**
 * What breaks the bound. For one that has waited `maxWait` (A: that moment, S: its start), of those that share a link:
 *
 * 1. whoever starts from A on and before S came before it;
 * 2. S is no later than the last end of those that ran at A and of those that came before it.
 *
 * With a cap on all that run (`clusterWide`) it waits for the next end of any besides: one place more must come free.
 */
export function starved(course: OpenCourse, lives: readonly Life[]): string[] {
  const cap = course.policy.caps.clusterWide;
  return lives.flatMap((own) => {
    if (own.startMs === null || own.endMs === null)
      return [`${own.id}: never ${own.startMs === null ? 'starts' : 'ends'}`];
    const agedMs = agesAtMs(course, own);
    const startMs = own.startMs;
    if (startMs <= agedMs) return [];
    const others = lives.filter(({ id }) => id !== own.id);
    const rivals = others.filter(({ links }) => links.some((link) => own.links.includes(link)));
    const cameBefore = ({ atMs, id }: Life) => atMs < own.atMs || (atMs === own.atMs && id < own.id);
    const ranAt = (all: readonly Life[], atMs: number) =>
      all.filter((other) => (other.startMs ?? startMs) < atMs && (other.endMs ?? 0) > atMs);
    const overtakers = rivals.filter((other) => {
      const at = other.startMs ?? startMs;
      return agedMs <= at && at < startMs && !cameBefore(other);
    });
    const before = rivals.filter((other) => cameBefore(other) && (other.startMs ?? startMs) < startMs);
    const together = rivals.filter((other) => cameBefore(other) && other.startMs === startMs);
    const ends = [...ranAt(rivals, agedMs), ...before].map(({ endMs }) => endMs ?? 0);
    const freeMs = Math.max(agedMs, ...ends, ...together.map(() => startMs));
    // A place comes free with the first end of what runs then, or is taken by one that came before.
    const places = cap === undefined ? [] : [...ranAt(others, freeMs), ...others.filter(cameBefore)];
    const boundMs = Math.max(freeMs, ...places.map(({ endMs }) => endMs ?? 0));
    return [
      ...overtakers.map(({ id }) => `${own.id}: ${id}, which came later, starts before it although it waited maxWait`),
      ...(startMs <= boundMs + 1e-6
        ? []
        : [`${own.id}: starts at ${startMs}, nothing stood before it since ${boundMs}`]),
    ];
  });
}

const arrival = fc.record({
  /** Of the mean time between two. */
  gap: fc.integer({ min: 0, max: 200 }),
  source: fc.nat(3),
  step: fc.option(fc.integer({ min: 0, max: 2 }), { freq: 12 }),
  priority: fc.constantFrom<Priority>('high', 'high', 'high', 'medium', 'low'),
  seconds: fc.integer({ min: 2, max: 60 }),
});

const few = fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined, freq: 2 });
const workload = fc.record({ tx: fc.constantFrom(0, 150e6, 400e6), rx: fc.constantFrom(0, 150e6, 400e6) });

/** Two to four hosts; under light load there is mostly nothing to wait for, under heavy load the queue only grows. */
export const courses: fc.Arbitrary<OpenCourse> = fc
  .record({
    hosts: fc.array(workload, { minLength: 2, maxLength: 4 }),
    limit: fc.integer({ min: 0, max: 3 }),
    maxWaitSeconds: fc.integer({ min: 20, max: 240 }),
    caps: fc.record({ parallelPerLink: fc.integer({ min: 1, max: 4 }), perSource: few, perDestination: few }),
    clusterWide: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    order: fc.shuffledSubarray<OrderKey>(['deadline', 'predicted', 'arrival'], { minLength: 1 }),
    /** Mean time between two arrivals. */
    everySeconds: fc.constantFrom(2, 10, 60),
    lowOpensMinutes: fc.constantFrom(0, 0, 0, 2, 5),
    /** What the uplink of a rack with the first two hosts has for migrations; null: there is none. */
    uplink: fc.constantFrom(null, null, 50e6, 300e6, 1e9),
    arrivals: fc.array(arrival, { minLength: 5, maxLength: 40 }),
  })
  .map((drawn) => {
    const { hosts, limit, maxWaitSeconds, caps, clusterWide, order, everySeconds, lowOpensMinutes, arrivals } = drawn;
    const rack = { hosts: NAMES.slice(0, 2), capacityBitsPerSecond: 10e9, migrationBitsPerSecond: drawn.uplink ?? 0 };
    let atMs = 0;
    const window = {
      priority: ['low' as const],
      fromMinute: BEGINS_AT_MINUTE + lowOpensMinutes,
      toMinute: BEGINS_AT_MINUTE - 60,
      days: [0, 1, 2, 3, 4, 5, 6],
      timeZone: 'UTC',
    };
    return {
      policy: seedPolicy({
        maxWaitMs: 1000 * maxWaitSeconds,
        caps: { ...caps, clusterWide },
        order,
        windows: lowOpensMinutes > 0 ? [window] : [],
        switches: drawn.uplink === null ? {} : { rack },
      }),
      hosts: Object.fromEntries(hosts.map((rates, at) => [NAMES[at] as string, rates])),
      limit,
      lowOpensMs: 60_000 * lowOpensMinutes,
      arrivals: arrivals.map(({ gap, source: from, step, priority, seconds }) => {
        atMs += 10 * gap * everySeconds;
        const source = from % hosts.length;
        const destination =
          step === null ? null : (NAMES[(source + 1 + (step % (hosts.length - 1))) % hosts.length] as string);
        return { atMs, priority, source: NAMES[source] as string, destination, workMs: 1000 * seconds };
      }),
    };
  });
