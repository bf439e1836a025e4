import type { Decision, Priority, Reason } from '../../contract.ts';
import type { Policy } from '../../policy/schema.ts';
import { type StartTimes, startTimesAhead } from '../../policy/starting.ts';
import { planSchedule } from '../../schedule/live/plan.ts';
import type { UplinkUse } from '../../schedule/live/uplinks.ts';
import { planWithRoom } from '../../schedule/live/withroom.ts';
import type { LiveMigration, LivePlan, LiveWorld } from '../../schedule/live/world.ts';
import { uplinkUseOf } from './crossing.ts';
import { type Duration, durationLeft, durationOf } from './duration.ts';
import { ANYWHERE, type LiveNetwork, liveNetwork } from './livelinks.ts';
import { AGED, type Candidate } from './occupancy.ts';
import { choicesOf, needsOf } from './room.ts';
import { type InFlightMigration, linksOf, type Way, type World } from './world.ts';

/** A candidate with what keeps it from being looked at before some time. */
export interface Hopeful {
  candidate: Candidate;
  /** When its batch window is over; in the past: it is. */
  opensAtMs: number;
}

/** When one of those that wait or run starts and ends, as things stand. `AtMs` is Unix time. */
export interface Foreseen {
  id: number;
  vmUuid: string;
  source: string;
  destination: string | null;
  links: string[];
  /** The host whose room it takes, also where Nova will choose; null: not known. */
  roomOf: string | null;
  /** Null: it runs without Drover. */
  decision: Decision | null;
  running: boolean;
  /** For one that runs the time when Nova was asked. Null: nobody can tell, `reason` says why. */
  startAtMs: number | null;
  /** Infinite: never. */
  endAtMs: { value: number; low: number; high: number };
  rates: { fromMs: number; bitsPerSecond: number }[];
  deadlineAtMs: number | null;
  /** How long after its deadline it ends, 0 if before or without one. */
  lateMs: number;
  /** How many times longer it takes beside others than alone. */
  stretch: number;
  /** Why it has no start or no end; null if it has both. */
  reason: Reason | null;
}

export interface LookAhead {
  /** Ids of those that wait, in the order in which they are looked at inside their groups. */
  order: number[];
  byId: ReadonlyMap<number, Foreseen>;
  /** Ids of those that wait for room which nothing frees: they go to Nova all the same, which decides. */
  roomless: ReadonlySet<number>;
}

/** What a second of a migration's completion costs beside others. */
const WEIGHT: Record<Priority, number> = { high: 9, medium: 3, low: 1 };

/** Some tens of ms on one core; one order costs its events × the looks at what waits and runs. */
const WORK = 100_000;
const MOST_ROUNDS = 200;

/**
 * Other orders that are tried: of a few all exchanges, of many as many as some tens of milliseconds allow. By number, not
 * by a clock: the same world gives the same plan.
 *
 * | waiting | running | rounds |
 * |---------|---------|--------|
 * | 2       | 0       | 4      |
 * | 20      | 0       | 200    |
 * | 20      | 20      | 62     |
 * | 50      | 0       | 40     |
 * | 20      | 200     | 2      |
 * | 500     | 0       | 0      |
 */
export function roundsFor(waiting: number, running: number): number {
  if (waiting < 2) return 0;
  return Math.min(MOST_ROUNDS, 2 * waiting * (waiting - 1), Math.floor(WORK / (waiting + running) ** 2));
}

/**
 * Plays all that waits and runs forward (schedule/live): when each starts and ends and how fast it goes, and the order
 * inside a group that ends soonest by weight, where the policy's `order` leaves that open. Pure.
 *
 * @param hopefuls in the policy's order, the first of each group first.
 */
export function lookAhead(world: World, policy: Policy, hopefuls: readonly Hopeful[]): LookAhead {
  const { live: given, durations } = liveWorldOf(world, policy, hopefuls);
  const { live, plan, roomless } = planWithRoom(given, roundsFor(hopefuls.length, world.inFlight.length));
  const place = new Map(plan.order.map((id, at) => [id, at]));
  const stretched = (by: 'low' | 'high') =>
    planSchedule(
      {
        ...live,
        migrations: live.migrations.map((own) => {
          const factor = durations.get(own.id)?.[by] ?? 1;
          return { ...own, turn: place.get(own.id) ?? 0, remainingMs: (rate) => factor * own.remainingMs(rate) };
        }),
      },
      { rounds: 0 },
    );
  const [sooner, later] = [stretched('low'), stretched('high')];
  const flights = new Map(world.inFlight.map((migration) => [migration.id, migration]));
  const waiting = new Map(hopefuls.map(({ candidate }) => [candidate.migration.id, candidate]));
  const liveById = new Map(live.migrations.map((own) => [own.id, own]));
  const byId = new Map<number, Foreseen>();
  plan.migrations.forEach((planned, at) => {
    const { id, startMs, endMs, rates, lateMs } = planned;
    const [candidate, flight, own] = [waiting.get(id), flights.get(id), liveById.get(id)];
    const subject = candidate?.migration ?? flight;
    if (!subject || !own) return;
    const never = Number.POSITIVE_INFINITY;
    const value = endMs ?? never;
    const aloneMs = own.remainingMs(own.mostBitsPerSecond);
    byId.set(id, {
      id,
      vmUuid: subject.vmUuid,
      source: subject.source,
      destination: subject.destination,
      links: linksOf(subject),
      roomOf: planned.destination === null ? null : live.hosts[planned.destination]?.name || null,
      decision: candidate?.decision ?? flight?.decision ?? null,
      running: flight !== undefined,
      startAtMs: flight ? (flight.submittedAtMs ?? world.nowMs) : startMs,
      endAtMs: {
        value,
        low: Math.min(value, sooner.migrations[at]?.endMs ?? never),
        high: Math.max(value, later.migrations[at]?.endMs ?? never),
      },
      rates,
      deadlineAtMs: own.deadlineMs ?? null,
      lateMs: endMs === null && own.deadlineMs != null ? never : lateMs,
      stretch: startMs === null || !Number.isFinite(value) ? 1 : Math.max(1, (value - startMs) / aloneMs),
      reason: whyNot(world, planned, own, durations.get(id)),
    });
  });
  return { order: plan.order, byId, roomless };
}

function whyNot(
  world: World,
  { startMs, endMs }: LivePlan['migrations'][number],
  own: LiveMigration,
  duration: Duration | undefined,
): Reason | null {
  if (startMs !== null && endMs !== null) return null;
  if (startMs === null && own.windows && own.windows(world.nowMs).startsAtMs === null) {
    return { code: 'window-never', text: 'its windows never open' };
  }
  if (startMs === null) {
    return { code: 'behind-endless', text: 'it waits for a migration of which nobody can say when it ends' };
  }
  return duration?.remainingMs(own.mostBitsPerSecond) === Number.POSITIVE_INFINITY
    ? {
        code: 'never-ends',
        text: 'nobody can say when it ends: its memory changes faster than the link carries it, or is not known',
      }
    : { code: 'crowded', text: 'it does not end beside what shares its links' };
}

interface Worked {
  live: LiveWorld;
  durations: ReadonlyMap<number, Duration>;
}

/** The controller's world as the live planner reads it. */
export function liveWorldOf(world: World, policy: Policy, hopefuls: readonly Hopeful[]): Worked {
  const network = liveNetwork(world, policy);
  const durations = new Map<number, Duration>();
  const windows = {
    high: startTimesAhead(policy, 'high'),
    medium: startTimesAhead(policy, 'medium'),
    low: startTimesAhead(policy, 'low'),
  };
  const running = [...world.inFlight]
    .sort((a, b) => a.id - b.id)
    .map((each) => {
      const duration = durationLeft(world.nowMs, each);
      durations.set(each.id, duration);
      return flightOf(world, policy, network, each, duration);
    });
  const waiting = hopefuls.map((hopeful, turn) => {
    const { candidate } = hopeful;
    const duration = durationOf(candidate.migration, candidate.decision);
    durations.set(candidate.migration.id, duration);
    return waiterOf(world, policy, network, hopeful, windows[candidate.decision.priority], { duration, turn });
  });
  const { clusterWide } = policy.caps;
  return {
    live: {
      nowMs: world.nowMs,
      links: network.links,
      ...(network.uplinks.length === 0 ? {} : { uplinks: network.uplinks }),
      hosts: network.hosts,
      migrations: [...running, ...waiting],
      maxWaitMs: policy.maxWaitMs,
      ...(clusterWide === undefined ? {} : { mostRunning: clusterWide }),
    },
    durations,
  };
}

function flightOf(
  world: World,
  policy: Policy,
  network: LiveNetwork,
  migration: InFlightMigration,
  { remainingMs }: Duration,
): LiveMigration {
  const { id, vmUuid, decision, submittedAtMs } = migration;
  const priority = decision?.priority ?? null;
  return {
    ...placeOf(network, migration, priority ?? 'medium', uplinkUseOf(world, policy, migration, decision !== null)),
    id,
    vmUuid,
    priority,
    weight: priority === null ? 0 : WEIGHT[priority],
    serial: decision?.strategy === 'serial',
    receivedAtMs: submittedAtMs ?? world.nowMs,
    needs: needsOf(world, migration),
    running: true,
    remainingMs,
  };
}

function waiterOf(
  world: World,
  policy: Policy,
  network: LiveNetwork,
  { candidate, opensAtMs }: Hopeful,
  windows: ((atMs: number) => StartTimes) | null,
  { duration, turn }: { duration: Duration; turn: number },
): LiveMigration {
  const { migration, decision, deadlineAtMs } = candidate;
  const { priority, strategy } = decision;
  const choices = choicesOf(world, migration).map((name) => network.hostOf(name));
  return {
    ...placeOf(network, migration, priority, candidate.uplinkUse),
    id: migration.id,
    vmUuid: migration.vmUuid,
    priority,
    weight: WEIGHT[priority],
    serial: strategy === 'serial',
    receivedAtMs: migration.receivedAtMs,
    ...(opensAtMs > world.nowMs ? { notBeforeMs: opensAtMs, claims: true } : {}),
    ...(windows ? { windows } : {}),
    deadlineMs: Number.isFinite(deadlineAtMs) ? deadlineAtMs : null,
    needs: needsOf(world, migration),
    ...(choices.length === 0 ? {} : { choices }),
    running: false,
    remainingMs: duration.remainingMs,
    turn,
    peers: peersOf(policy, candidate),
  };
}

function placeOf(
  network: LiveNetwork,
  { source, destination }: Way,
  priority: Priority,
  uplinkUse: UplinkUse | undefined,
) {
  const links = [network.linkOf(source, 'tx'), ...(destination === null ? [] : [network.linkOf(destination, 'rx')])];
  const most = links.map((link) => network.links[link]?.bitsPerSecond[priority] ?? 0);
  return {
    source: network.hostOf(source),
    destination: network.hostOf(destination ?? ANYWHERE),
    links,
    ...(uplinkUse ? { uplinkUse } : {}),
    leastBitsPerSecond: Math.min(
      ...links.map((link) => network.floors[link] ?? 0),
      uplinkUse?.leastBitsPerSecond ?? Number.POSITIVE_INFINITY,
    ),
    mostBitsPerSecond: Math.min(...most, uplinkUse?.aloneBitsPerSecond ?? Number.POSITIVE_INFINITY),
  };
}

/**
 * The policy's `order` is a rule; only its key `predicted` is a means to an end, which the search serves better. So those
 * change places that are equal in all keys before it.
 */
function peersOf({ order }: Policy, { migration, deadlineAtMs, rank }: Candidate): string {
  // One that waited too long goes by its age, and no other may have its place before those with a deadline.
  if (rank === AGED) return `alone ${migration.id}`;
  const before = order.indexOf('predicted') < 0 ? ['arrival'] : order.slice(0, order.indexOf('predicted'));
  if (before.includes('arrival')) return `alone ${migration.id}`;
  return before.includes('deadline') ? String(deadlineAtMs) : '';
}
