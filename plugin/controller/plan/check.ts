import type { LinkReservation, Priority } from 'drover-hostd/contract';
import type { Decision, Strategy } from '../../contract.ts';
import { deadlineOf } from '../../policy/deadline.ts';
import { matchPriority, selectorsMatch } from '../../policy/match.ts';
import { limitsFor } from '../../policy/schema/limits.ts';
import type { Policy } from '../../policy/schema.ts';
import { mayStart, startTimes, waitedMs } from '../../policy/starting.ts';
import { type Action, circumstances, type QueuedMigration, type World } from './world.ts';

/**
 * Verifies the actions of a plan against the rules, by other code than the one that made them. It shares with the
 * planner the types, the matching of priorities and the reading of deadlines, nothing that orders, counts or reserves.
 *
 * @returns one text for each broken rule; empty if the plan is right.
 */
export function checkPlan(world: World, actions: readonly Action[]): string[] {
  const { policy } = world;
  const broken = accountFor(world, actions);
  if (!policy || broken.length > 0) return broken;
  const view = viewOf(world, policy, actions);
  return [
    ...view.starts.flatMap((started) => [
      ...checkTiming(world, policy, started),
      ...checkOrder(view, started),
      ...checkSerial(view, started),
      ...checkCounts(world, policy, view, started),
      ...checkTechnique(world, policy, started),
      ...checkReservation(world, policy, started.decision.priority, started, started.decision.reservation),
    ]),
    ...view.held.flatMap((waiting) => checkIdle(world, policy, view, waiting)),
    ...view.held.flatMap((waiting) => checkDeadlines(world, policy, view, waiting)),
    ...view.refused.flatMap((refused) => checkRefusal(world, policy, refused)),
    ...actions.flatMap((action) => {
      const flying = world.inFlight.find(({ id }) => id === action.id);
      if (action.kind !== 'adjust' || !flying?.decision) return [];
      // What is left as it was needs no second permission: its host may have fallen silent since.
      const held = flying.decision.reservation;
      const news = (before: LinkReservation | null, after: LinkReservation | null) =>
        JSON.stringify(before) === JSON.stringify(after) ? null : after;
      return checkReservation(world, policy, flying.decision.priority, flying, {
        sourceTx: news(held.sourceTx, action.reservation.sourceTx),
        destinationRx: news(held.destinationRx, action.reservation.destinationRx),
      });
    }),
  ];
}

type Place = { source: string; destination: string | null };
type Started = QueuedMigration & { decision: Decision };
type Running = Place & { id: number; vmUuid: string; group: Priority | null; strategy: Strategy | null };

interface View {
  starts: Started[];
  held: QueuedMigration[];
  refused: QueuedMigration[];
  flying: Running[];
  /** In flight and started by this plan. */
  running: Running[];
  /** May start as far as the windows of its priority go. */
  eligible(migration: QueuedMigration): boolean;
  /** Place in the order: 0 for what waited too long, then high, medium, low. */
  level(migration: QueuedMigration): number;
}

const GROUPS: readonly Priority[] = ['high', 'medium', 'low'];

function viewOf(world: World, policy: Policy, actions: readonly Action[]): View {
  const byId = new Map(actions.map((action) => [action.id, action]));
  const starts = world.queue.flatMap((migration) => {
    const action = byId.get(migration.id);
    return action?.kind === 'start' ? [{ ...migration, decision: action.decision }] : [];
  });
  const running = (migration: Place & { id: number; vmUuid: string; decision: Decision | null }): Running => ({
    id: migration.id,
    vmUuid: migration.vmUuid,
    source: migration.source,
    destination: migration.destination,
    group: migration.decision?.priority ?? null,
    strategy: migration.decision?.strategy ?? null,
  });
  const flying = world.inFlight.map(running);
  const times = startTimes(policy, world.nowMs);
  return {
    starts,
    held: world.queue.filter(({ id }) => byId.get(id)?.kind === 'hold'),
    refused: world.queue.filter(({ id }) => byId.get(id)?.kind === 'refuse'),
    flying,
    running: [...flying, ...starts.map(running)],
    eligible: (migration) =>
      mayStart(policy, matchPriority(policy, migration.server, circumstances(world, migration)).priority, world.nowMs),
    level: (migration) => {
      const { priority } = matchPriority(policy, migration.server, circumstances(world, migration));
      return waitedMs(times[priority], migration.receivedAtMs, world.nowMs) >= policy.maxWaitMs
        ? 0
        : 1 + GROUPS.indexOf(priority);
    },
  };
}

/** Every queued migration gets one answer, only those in flight are adjusted, and only what must is passed on. */
function accountFor(world: World, actions: readonly Action[]): string[] {
  const broken: string[] = [];
  for (const migration of world.queue) {
    const own = actions.filter(({ id, kind }) => id === migration.id && kind !== 'adjust');
    if (own.length !== 1) broken.push(`${migration.id}: has ${own.length} answers`);
    const mustPass = !world.policy || !someHostAnswers(world, migration);
    if (own.some(({ kind }) => (kind === 'pass') !== mustPass)) {
      broken.push(`${migration.id}: ${mustPass ? 'must be passed on' : 'is passed on without need'}`);
    }
  }
  const queued = new Set(world.queue.map(({ id }) => id));
  const decided = new Set(world.inFlight.filter(({ decision }) => decision).map(({ id }) => id));
  for (const { id, kind } of actions) {
    if (!(kind === 'adjust' ? decided : queued).has(id)) broken.push(`${id}: ${kind} of something unknown`);
  }
  return broken;
}

function someHostAnswers(world: World, migration: QueuedMigration): boolean {
  const ends = new Set(migration.destination === null ? (migration.candidates ?? world.hosts.keys()) : []);
  ends.add(migration.destination ?? migration.source).add(migration.source);
  return [...ends].some((name) => {
    const host = world.hosts.get(name);
    if (!host?.info || !host.sample || !(host.info.linkBitsPerSecond > 0)) return false;
    return host.reachable;
  });
}

function ageMs(world: World, name: string): number {
  const host = world.hosts.get(name);
  if (!host?.sample) return Number.POSITIVE_INFINITY;
  return Math.max(world.nowMs - host.sampleAtMs, 0) + host.sample.ageMs;
}

function shares(a: Place, b: Place): boolean {
  return a.source === b.source || (a.destination !== null && a.destination === b.destination);
}

/** A start waits for the end of a window that its own arrival or an earlier one opened and that it arrived in. */
function batchOpen(world: World, policy: Policy, { receivedAtMs }: QueuedMigration): boolean {
  return !world.queue.some((other) => {
    const endMs = other.receivedAtMs + policy.batchWindowMs;
    return other.receivedAtMs <= receivedAtMs && receivedAtMs <= endMs && endMs <= world.nowMs;
  });
}

function checkTiming(world: World, policy: Policy, started: Started): string[] {
  const broken = batchOpen(world, policy, started) ? [`${started.id}: starts inside its batch window`] : [];
  if (!mayStart(policy, started.decision.priority, world.nowMs))
    broken.push(`${started.id}: starts outside its windows`);
  return broken;
}

function checkOrder({ running, held, flying, level, eligible }: View, started: Started): string[] {
  const own = level(started);
  const above = flying.filter((other) => other.group !== null && 1 + GROUPS.indexOf(other.group) < own);
  const users = above.filter((other) => shares(started, other));
  const waiters = held.filter(
    (other) => shares(started, other) && standsBefore(level, other, started) && eligible(other),
  );
  const twins = running.filter((other) => other.id !== started.id && other.vmUuid === started.vmUuid);
  return [
    ...users.map(({ id }) => `${started.id}: starts on a link that ${id} of a higher group uses`),
    ...waiters.map(({ id }) => `${started.id}: starts on a link that ${id} of a higher group waits for`),
    ...twins.map(({ id }) => `${started.id}: its VM is being migrated by ${id}`),
  ];
}

/** Of a higher group; of those that waited too long the older one. */
function standsBefore(level: View['level'], other: QueuedMigration, own: QueuedMigration): boolean {
  if (level(other) > 0 || level(own) > 0) return level(other) < level(own);
  return other.receivedAtMs < own.receivedAtMs || (other.receivedAtMs === own.receivedAtMs && other.id < own.id);
}

function checkSerial({ running, flying, level }: View, started: Started): string[] {
  const { priority, strategy } = started.decision;
  const inGroup = running.filter(
    (other) => other.group === priority && (strategy === 'serial' || other.strategy === 'serial'),
  );
  const besides = strategy === 'serial' ? flying.filter((other) => other.group === null || level(started) === 0) : [];
  return [...new Set([...inGroup, ...besides])]
    .filter((other) => other.id !== started.id && shares(started, other))
    .map((other) => `${started.id}: runs beside ${other.id}, one of them serial`);
}

function checkCounts(world: World, policy: Policy, { running }: View, { id, source, destination }: Started): string[] {
  const broken: string[] = [];
  const limit = world.hosts.get(source)?.info?.maxConcurrentLiveMigrations ?? 1;
  const leaving = running.filter((other) => other.source === source).length;
  if (limit > 0 && leaving > limit) broken.push(`${id}: ${leaving} leave ${source}, Nova runs ${limit}`);
  const arriving = destination === null ? 0 : running.filter((other) => other.destination === destination).length;
  const { parallelPerLink, perSource, perDestination, clusterWide } = policy.caps;
  if (Math.max(leaving, arriving) > parallelPerLink) broken.push(`${id}: above the cap of a link`);
  if (perSource !== undefined && leaving > perSource) broken.push(`${id}: above the cap of its source`);
  if (perDestination !== undefined && arriving > perDestination) broken.push(`${id}: above the cap of its destination`);
  if (clusterWide !== undefined && running.length > clusterWide) broken.push(`${id}: above the cap of the cluster`);
  return broken;
}

function checkTechnique(world: World, policy: Policy, started: Started): string[] {
  const { technique, classification, strategy } = started.decision;
  const broken: string[] = [];
  if (!classification && strategy !== policy.stale.strategy) broken.push(`${started.id}: not the stale strategy`);
  if (classification && ageMs(world, started.source) > policy.stale.maxAgeMs) {
    broken.push(`${started.id}: classified on a stale sample`);
  }
  if (technique === 'pre-copy') return broken;
  const ends = started.destination === null ? (started.candidates ?? [...world.hosts.keys()]) : [started.destination];
  for (const name of new Set([started.source, ...ends])) {
    const host = world.hosts.get(name);
    if (!host?.info?.postCopy.permitted) broken.push(`${started.id}: ${technique} is not permitted on ${name}`);
    const lost = host?.linkLostAtMs ?? null;
    if (lost !== null && world.nowMs - lost <= policy.postCopyGate.linkLostWithinMs) {
      broken.push(`${started.id}: ${technique} although the link of ${name} was lost`);
    }
  }
  const vm = world.hosts.get(started.source)?.sample?.vms.find(({ vmUuid }) => vmUuid === started.vmUuid);
  if (!vm || vm.postCopyBlockers.length > 0) broken.push(`${started.id}: ${technique} of a guest that cannot`);
  if (started.paused) broken.push(`${started.id}: ${technique} of a paused guest`);
  const asked = circumstances(world, started);
  const { never, minMemoryBytes } = policy.postCopyGate;
  if (
    never.some((each) => selectorsMatch(each, started.server, asked)) ||
    started.server.memoryBytes < minMemoryBytes
  ) {
    broken.push(`${started.id}: ${technique} although the policy's gate forbids it`);
  }
  if (started.server.metadata['drover:postcopy'] === 'never') broken.push(`${started.id}: ${technique} is forbidden`);
  return broken;
}

/** Guarantees fit on the link, none is nothing, and the side that the priority protects gets what it was promised. */
function checkReservation(
  world: World,
  policy: Policy,
  priority: Priority,
  { id, source, destination }: Place & { id: number },
  reservation: Decision['reservation'],
): string[] {
  const check = (name: string | null, link: LinkReservation | null): string[] => {
    const info = name === null ? null : world.hosts.get(name)?.info;
    if (!link) return [];
    if (!info || name === null) return [`${id}: reserves where there is no host`];
    const { migration, workload } = link;
    const capacity = Math.floor(info.shapeableBitsPerSecond);
    const broken: string[] = [];
    if (!(migration.rateBitsPerSecond > 0 && workload.rateBitsPerSecond > 0)) broken.push(`${id}: guarantees nothing`);
    if (migration.rateBitsPerSecond + workload.rateBitsPerSecond > capacity) broken.push(`${id}: guarantees too much`);
    if (Math.max(migration.ceilBitsPerSecond, workload.ceilBitsPerSecond) > capacity) {
      broken.push(`${id}: a ceiling above the link`);
    }
    const limits = limitsFor(policy.limits, name, info.nic);
    const amount = (of: typeof limits.lower) => (of.kind === 'rate' ? of.bitsPerSecond : of.fraction * capacity);
    // Neither side can be promised more than the link less the hundredth that the other always keeps.
    const most = 0.99 * capacity - 1;
    if (priority === 'low') {
      if (migration.rateBitsPerSecond < Math.min(amount(policy.floor), most) - 1) broken.push(`${id}: below the floor`);
      if (workload.prio >= migration.prio) broken.push(`${id}: low, but the workload does not come first`);
    } else {
      if (workload.rateBitsPerSecond < Math.min(amount(limits.lower), most) - 1) {
        broken.push(`${id}: the workload has less than lower`);
      }
      const cap =
        priority === 'medium' ? Math.max(workload.rateBitsPerSecond, amount(limits.upper)) : workload.rateBitsPerSecond;
      const borrows = migration.ceilBitsPerSecond > migration.rateBitsPerSecond || workload.ceilBitsPerSecond > cap + 1;
      if (policy.strict && borrows) broken.push(`${id}: borrows although the policy is strict`);
      if (migration.prio >= workload.prio) broken.push(`${id}: ${priority}, but the migration does not come first`);
    }
    return broken;
  };
  return [...check(source, reservation.sourceTx), ...check(destination, reservation.destinationRx)];
}

/** One whose links nobody uses and nobody of a higher group waits for has nothing to wait for. */
function checkIdle(
  world: World,
  policy: Policy,
  { running, held, level, eligible }: View,
  waiting: QueuedMigration,
): string[] {
  const obstacles = [
    ...running.filter((other) => shares(waiting, other) || other.vmUuid === waiting.vmUuid),
    ...held.filter((other) => shares(waiting, other) && standsBefore(level, other, waiting) && eligible(other)),
  ];
  const mayGo = eligible(waiting) && running.length < (policy.caps.clusterWide ?? Number.POSITIVE_INFINITY);
  const windowOver = world.nowMs >= waiting.receivedAtMs + policy.batchWindowMs;
  return obstacles.length > 0 || !windowOver || !mayGo ? [] : [`${waiting.id}: waits for nothing`];
}

/** Where only one start of its own group keeps it waiting, that one has no later deadline, if deadlines order first. */
function checkDeadlines(world: World, policy: Policy, view: View, waiting: QueuedMigration): string[] {
  const { starts, running, held, level, eligible } = view;
  if (policy.order[0] !== 'deadline' || !eligible(waiting) || level(waiting) === 0) return [];
  // Whoever opened its batch arrived no later: by then it is over for certain.
  if (world.nowMs < waiting.receivedAtMs + policy.batchWindowMs) return [];
  const users = running.filter((other) => shares(waiting, other) || other.vmUuid === waiting.vmUuid);
  const above = held.some((other) => shares(waiting, other) && level(other) < level(waiting) && eligible(other));
  const [only, ...more] = users;
  const rival = starts.find(({ id }) => id === only?.id);
  if (!rival || more.length > 0 || above || level(rival) !== level(waiting)) return [];
  const later = ownDeadline(world, policy, rival) > ownDeadline(world, policy, waiting);
  return later ? [`${waiting.id}: waits for ${rival.id}, whose deadline is later`] : [];
}

function checkRefusal(world: World, policy: Policy, refused: QueuedMigration): string[] {
  const allowed =
    policy.deadlines.admission === 'refuse' &&
    refused.deferred !== true &&
    Number.isFinite(ownDeadline(world, policy, refused));
  return allowed ? [] : [`${refused.id}: is refused although it may not be`];
}

function ownDeadline(world: World, policy: Policy, migration: QueuedMigration): number {
  const { priority } = matchPriority(policy, migration.server, circumstances(world, migration));
  return migration.deadlineAtMs ?? deadlineOf(policy, priority, migration).atMs ?? Number.POSITIVE_INFINITY;
}
