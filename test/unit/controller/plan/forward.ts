/** Plays a queue forward to its end on a clock of its own: round after round of the planner, with arrivals and ends. */
import type { Priority } from '../../../../plugin/contract.ts';
import { checkPlan } from '../../../../plugin/controller/plan/check.ts';
import { contentionLevels, planAhead, type World } from '../../../../plugin/controller/plan/plan.ts';
import { type InFlightMigration, linksOf, type QueuedMigration } from '../../../../plugin/controller/plan/world.ts';
import type { Policy } from '../../../../plugin/policy/schema.ts';
import { startTimes } from '../../../../plugin/policy/starting.ts';
import { uplinksBetween } from '../../../../plugin/policy/uplinks.ts';
import { host, NOW, queued, vm, world } from './worlds.ts';

export interface Arrival {
  /** After the beginning. */
  atMs: number;
  priority: Priority;
  source: string;
  destination: string | null;
  /** How long it takes alone on its links; the planner predicts something else. */
  workMs: number;
}

export interface Course {
  policy: Policy;
  /** Workload by host, bit/s. */
  hosts: Record<string, { tx: number; rx: number }>;
  /** Nova's max_concurrent_live_migrations of each. */
  limit: number;
  arrivals: readonly Arrival[];
}

/** What became of one; times after the beginning, null: that never came. */
export interface Life extends Arrival {
  id: number;
  /** Of its hosts, and the uplinks that it crosses or may cross. */
  links: string[];
  startMs: number | null;
  endMs: number | null;
}

export interface Forward {
  lives: Life[];
  /** Of all rounds, by the independent check. */
  breaches: string[];
  rounds: number;
}

/** So slow is one beside a higher one, as a share of its speed alone. */
const OVERTAKEN = 0.1;

interface Flight {
  life: Life;
  migration: InFlightMigration;
  leftMs: number;
}

/** A round at each arrival, end and passing of `maxWait`, and when the planner says that something waits until then. */
export function playForward(
  { policy, hosts, limit, arrivals }: Course,
  look?: Parameters<typeof planAhead>[1],
): Forward {
  const lives = arrivals.map((arrival, at): Life => {
    return { ...arrival, id: at + 1, links: [...linksOf(arrival), ...uplinksOf(arrival)], startMs: null, endMs: null };
  });
  const breaches: string[] = [];
  const coming = [...lives].sort((a, b) => a.atMs - b.atMs || a.id - b.id);
  let waiting: Life[] = [];
  let flights: Flight[] = [];
  let previousContention: World['previousContention'] = new Map();
  let nowMs = 0;
  let rounds = 0;
  for (;;) {
    while (coming[0] && coming[0].atMs <= nowMs) waiting.push(coming.shift() as Life);
    const w = worldNow();
    const { actions } = planAhead(w, look);
    rounds++;
    breaches.push(...checkPlan(w, actions));
    previousContention = contentionLevels(w);
    const queue = new Map(w.queue.map((migration) => [migration.id, migration]));
    let wakeMs = Number.POSITIVE_INFINITY;
    for (const action of actions) {
      if (action.kind === 'hold' && action.untilMs !== null) wakeMs = Math.min(wakeMs, action.untilMs - NOW);
      const life = waiting.find(({ id }) => id === action.id);
      if (action.kind !== 'start' || !life) continue;
      const { decision } = action;
      life.startMs = nowMs;
      const migration = { ...(queue.get(action.id) as QueuedMigration), decision, submittedAtMs: NOW + nowMs };
      flights.push({ life, migration, leftMs: life.workMs });
    }
    waiting = waiting.filter(({ startMs }) => startMs === null);
    const times = startTimes(policy, NOW + nowMs);
    // Counted since its window opened, if that was later.
    const ages = waiting
      .map(({ atMs, priority }) => Math.max(atMs, times[priority].openSinceMs - NOW) + policy.maxWaitMs)
      .filter((atMs) => atMs > nowMs);
    const ends = flights.map((flight) => nowMs + flight.leftMs / speedOf(flight));
    const nextMs = Math.min(wakeMs, coming[0]?.atMs ?? Number.POSITIVE_INFINITY, ...ages, ...ends);
    if (nextMs === Number.POSITIVE_INFINITY) return { lives, breaches, rounds };
    flights = advanced(nextMs);
    nowMs = nextMs;
  }

  function uplinksOf({ source, destination }: Arrival): string[] {
    const others = destination === null ? Object.keys(hosts).filter((name) => name !== source) : [destination];
    return uplinksBetween(policy.switches, source, others).map(({ key }) => key);
  }

  function worldNow(): World {
    const queue = waiting.map(({ id, atMs, source, destination, priority }) =>
      queued(id, { source, destination, priority, receivedAtMs: NOW + atMs }),
    );
    const all = Object.entries(hosts).map(([name, { tx, rx }]) => {
      const vms = [...waiting, ...flights.map(({ life }) => life)].filter(({ source }) => source === name);
      const info = { maxConcurrentLiveMigrations: limit };
      const measured = host(name, { tx, rx, vms: vms.map(({ id }) => vm(id)), info });
      return [name, { ...measured, sampleAtMs: NOW + nowMs }] as const;
    });
    const inFlight = flights.map(({ migration }) => migration);
    const base = world({ policy, queue, inFlight, previousContention, hosts: Object.fromEntries(all) });
    return { ...base, nowMs: NOW + nowMs };
  }

  /** Equals share their most crowded link, a lower one beside a higher one crawls. */
  function speedOf({ life }: Flight): number {
    const rank = (priority: Priority) => ['high', 'medium', 'low'].indexOf(priority);
    const beside = (link: string) => flights.map((other) => other.life).filter(({ links }) => links.includes(link));
    const speeds = linksOf(life).map((link) => {
      const users = beside(link);
      const isOvertaken = users.some(({ priority }) => rank(priority) < rank(life.priority));
      return isOvertaken ? OVERTAKEN : 1 / users.filter(({ priority }) => priority === life.priority).length;
    });
    return Math.min(...speeds);
  }

  function advanced(untilMs: number): Flight[] {
    const speeds = flights.map(speedOf);
    return flights.flatMap((flight, at) => {
      const leftMs = flight.leftMs - (untilMs - nowMs) * (speeds[at] as number);
      if (leftMs > 1e-6) return [{ ...flight, leftMs }];
      flight.life.endMs = untilMs;
      return [];
    });
  }
}
