import type { LinkReservation } from 'drover-hostd/contract';
import type { Decision, Priority, Reason } from '../../contract.ts';
import { deadlineOf } from '../../policy/deadline.ts';
import type { Policy } from '../../policy/schema.ts';
import { type StartTimes, startTimes, waitedMs } from '../../policy/starting.ts';
import { adjustments, isOvertaken, withHoldings } from './adjust.ts';
import { admission, foreseenOutlook, type Outlook, outlookOf } from './admission.ts';
import { batchEnds, batchReason } from './batch.ts';
import { uplinkUseOf } from './crossing.ts';
import { decide } from './decide.ts';
import { choosings, withDestinations } from './destination.ts';
import { type Flight, holdings } from './holding.ts';
import { type Hopeful, type LookAhead, lookAhead } from './lookahead.ts';
import { AGED, type Candidate, occupancy, RANK } from './occupancy.ts';
import {
  type Action,
  answeringHost,
  destinationsOf,
  linksOf,
  priorityOf,
  type QueuedMigration,
  sampledHost,
  type World,
} from './world.ts';

export { contentionLevels } from './decide.ts';
export { type Action, linkKey, type World, type WorldHost } from './world.ts';

/** What to do now, and when everything else is to happen. */
export interface Decided {
  actions: Action[];
  /** Null: nobody could look ahead, or there is no policy. */
  ahead: LookAhead | null;
  /** Why nobody could look ahead: it was decided without. */
  failure: string | null;
}

/** `planAhead` for who wants the actions only. */
export function plan(world: World): Action[] {
  return planAhead(world).actions;
}

/**
 * Decides for everything queued and in flight (Algorithm 1's order, Algorithm 2's adapting). Pure: the same world gives
 * the same actions, in whatever order the queue comes.
 *
 * Order: high, medium, low; inside a group by the policy's `order` (earliest deadline, shortest predicted time, arrival),
 * in which `look` finds the places that the policy leaves open. What may start only later (`windows`) keeps nobody else
 * waiting, and what is refused for its deadline neither. A lower group does not start on a link that a higher one uses or
 * waits for. `serial` and `parallel` are rules inside a group: urgent work never waits for a running lower group, whose
 * bandwidth it takes.
 *
 * What starts is what `look` starts at this moment: both keep the same rules (the tests compare them). If `look` throws,
 * everything is decided all the same, by the policy's order.
 */
export function planAhead(world: World, look: typeof lookAhead = lookAhead): Decided {
  const { policy } = world;
  const queue = [...world.queue].sort((a, b) => a.receivedAtMs - b.receivedAtMs || a.id - b.id);
  if (!policy) {
    const reason: Reason = { code: 'no-policy', text: 'there is no valid policy: to Nova unchanged' };
    return { actions: queue.map(({ id }) => ({ kind: 'pass', id, reason })), ahead: null, failure: null };
  }
  const passed = queue.filter((migration) => !anyoneAnswers(world, migration));
  const lost = new Set(passed);
  const times = startTimes(policy, world.nowMs);
  const opensAtMs = batchEnds(queue, world.arriving ?? [], policy.batchWindowMs);
  const actions: Action[] = passed.map(({ id, source }) => pass(id, source));
  const known = new Map<QueuedMigration, Candidate>();
  // First: what is refused takes nobody's place where destinations are chosen.
  const kept = queue.filter((migration) => {
    if (lost.has(migration)) return false;
    const { id } = migration;
    if (world.nowMs < (opensAtMs.get(id) ?? 0)) return true;
    const alone = aloneOf(world, policy, times, migration);
    if (alone) known.set(alone.migration, alone);
    const refused = alone && refusedOf(world, policy, times, alone);
    if (refused) actions.push({ kind: 'refuse', id, reason: refused });
    return !refused;
  });
  const placed = withDestinations(world, policy, kept);
  const choosingOf = choosings(world, policy, placed);
  const taken = placed
    .map((migration) => known.get(migration) ?? candidateOf(world, policy, times, migration))
    .sort((a, b) => compare(policy, a, b))
    .map((candidate): Hopeful => ({ candidate, opensAtMs: opensAtMs.get(candidate.migration.id) ?? 0 }));
  const starting: Flight[] = [];
  const { ahead, failure } = looked(() => look(world, policy, taken));
  const ordered = ahead ? inOrder(taken, ahead.order) : taken;

  const links = occupancy(world, policy, ahead?.roomless ?? null);
  const before: Candidate[] = [];
  for (const { candidate, opensAtMs: opens } of ordered) {
    const { id } = candidate.migration;
    const closed = outsideWindows(world, times, candidate);
    const early = world.nowMs < opens;
    const reason = early ? batchReason(policy) : (closed?.reason ?? links.obstacle(candidate));
    const { startsAtMs } = times[candidate.decision.priority];
    const foreseen = ahead?.byId.get(id);
    const outlook = foreseen
      ? foreseenOutlook(candidate, foreseen, before, startsAtMs)
      : outlookOf(world, candidate, before, startsAtMs, reason !== null);
    const warning = early ? null : admission(world, policy, candidate, outlook).warning;
    if (!closed) before.push(candidate);
    if (reason) {
      if (!closed) links.wait(candidate);
      const chosen = candidate.decision.destination?.host;
      const untilMs = early ? opens : (closed?.untilMs ?? null);
      actions.push({ kind: 'hold', id, untilMs, reason, warning, ...(chosen === undefined ? {} : { chosen }) });
    } else {
      const lack = links.withoutRoom(candidate);
      const flight = { ...candidate.migration, decision: candidate.decision };
      links.run(flight);
      starting.push(flight);
      const decision = withOrder(policy, candidate, warning, lack);
      const choosing = choosingOf(candidate.migration);
      actions.push({ kind: 'start', id, decision, warning, ...(choosing ? { choosing } : {}) });
    }
  }
  const flights = [...world.inFlight, ...starting];
  const held = holdings(world, policy, flights, (flight) => isOvertaken(flight, flights));
  const given = withHoldings(world, policy, actions, held);
  return { actions: [...adjustments(world, policy, starting, held), ...given], ahead, failure };
}

function looked(look: () => LookAhead): { ahead: LookAhead | null; failure: string | null } {
  try {
    return { ahead: look(), failure: null };
  } catch (error) {
    return { ahead: null, failure: error instanceof Error ? error.message : String(error) };
  }
}

/** Why `planAhead` would refuse one if it were in the queue and its batch window over; null: it would not. Pure. */
export function refusal(world: World, migration: QueuedMigration): Reason | null {
  const { policy } = world;
  if (!policy || !anyoneAnswers(world, migration)) return null;
  const times = startTimes(policy, world.nowMs);
  const alone = aloneOf(world, policy, times, migration);
  return alone && refusedOf(world, policy, times, alone);
}

/**
 * One that may be refused, decided as if it went, and chose, before everything that waits: whether it is refused depends
 * on nothing of that. Null: it cannot be, for it has no deadline, or its caller was told that it goes.
 */
function aloneOf(
  world: World,
  policy: Policy,
  times: Record<Priority, StartTimes>,
  migration: QueuedMigration,
): Candidate | null {
  if (policy.deadlines.admission !== 'refuse' || migration.deferred) return null;
  const { priority } = priorityOf(world, policy, migration);
  if ((migration.deadlineAtMs ?? deadlineOf(policy, priority, migration).atMs) === null) return null;
  const [alone = migration] = withDestinations(world, policy, [migration]);
  return candidateOf(world, policy, times, alone);
}

function refusedOf(world: World, policy: Policy, times: Record<Priority, StartTimes>, alone: Candidate): Reason | null {
  const startsAtMs = times[alone.decision.priority].startsAtMs ?? Number.POSITIVE_INFINITY;
  const first: Outlook = { earliestStartAtMs: startsAtMs, plannedStartAtMs: startsAtMs, queuePosition: 0 };
  return admission(world, policy, alone, first).refused;
}

/** By rank, those of a rank as the plan has them; those that waited too long stay as they are, the oldest first. */
function inOrder(hopefuls: readonly Hopeful[], order: readonly number[]): Hopeful[] {
  const place = new Map(order.map((id, at) => [id, at]));
  const at = ({ candidate }: Hopeful) => place.get(candidate.migration.id) ?? order.length;
  return [...hopefuls].sort(
    (a, b) => a.candidate.rank - b.candidate.rank || (a.candidate.rank === AGED ? 0 : at(a) - at(b)),
  );
}

function pass(id: number, source: string): Action {
  const text = `neither ${source} nor a destination has a hostd that answers: to Nova unchanged`;
  return { kind: 'pass', id, reason: { code: 'no-hostd', text } };
}

function anyoneAnswers(world: World, migration: QueuedMigration): boolean {
  const names = [migration.source, ...destinationsOf(world, migration)];
  return names.some((name) => answeringHost(world, name) !== null);
}

function outsideWindows(
  { nowMs }: World,
  times: Record<Priority, StartTimes>,
  { decision: { priority } }: Candidate,
): { untilMs: number | null; reason: Reason } | null {
  const untilMs = times[priority].startsAtMs;
  if (untilMs === nowMs) return null;
  const when = untilMs === null ? 'never opens' : `opens ${new Date(untilMs).toISOString()}`;
  return {
    untilMs,
    reason: { code: 'window', text: `priority ${priority} starts inside its windows only, the next ${when}` },
  };
}

function candidateOf(
  world: World,
  policy: Policy,
  times: Record<Priority, StartTimes>,
  migration: QueuedMigration,
): Candidate {
  const decision = decide(world, policy, migration);
  const { priority } = decision;
  const waited = waitedMs(times[priority], migration.receivedAtMs, world.nowMs);
  const deadline = deadlineOf(policy, priority, migration);
  const { reason } = deadline;
  return {
    migration,
    decision: reason ? { ...decision, reasons: [...decision.reasons, reason] } : decision,
    links: linksOf(migration),
    uplinkUse: uplinkUseOf(world, policy, migration, true),
    rank: waited >= policy.maxWaitMs ? AGED : RANK[priority],
    waitedMs: waited,
    // What never ends by prediction stands last of its group; what cannot be predicted goes by one pass.
    predictedMs: decision.prediction
      ? (decision.prediction.totalMigrationTimeMs.value ?? Number.POSITIVE_INFINITY)
      : onePassMs(world, migration, decision.reservation),
    deadlineAtMs: migration.deadlineAtMs ?? deadline.atMs ?? Number.POSITIVE_INFINITY,
  };
}

/** One pass over the memory at the rate that is free for it, where nothing better is known. Infinite without any measured link. */
function onePassMs(world: World, { source, destination, server }: QueuedMigration, held: Decision['reservation']) {
  const free = (host: string | null, direction: 'tx' | 'rx', reservation: LinkReservation | null) => {
    const nic = host === null ? null : sampledHost(world, host)?.sample.nic;
    if (!nic || !reservation) return Number.POSITIVE_INFINITY;
    const workload = direction === 'tx' ? nic.workloadTxBitsPerSecond : nic.workloadRxBitsPerSecond;
    const { rateBitsPerSecond, ceilBitsPerSecond } = reservation.migration;
    return Math.max(rateBitsPerSecond, ceilBitsPerSecond - workload);
  };
  const rate = Math.min(free(source, 'tx', held.sourceTx), free(destination, 'rx', held.destinationRx));
  return Number.isFinite(rate) ? (server.memoryBytes * 8 * 1000) / rate : Number.POSITIVE_INFINITY;
}

function compare(policy: Policy, a: Candidate, b: Candidate): number {
  if (a.rank !== b.rank) return a.rank - b.rank;
  const byArrival = a.migration.receivedAtMs - b.migration.receivedAtMs || a.migration.id - b.migration.id;
  // Of those that waited too long the oldest goes first, or the long ones could wait for ever.
  if (a.rank === AGED) return byArrival;
  for (const key of policy.order) {
    if (key === 'arrival') return byArrival;
    const [x, y] = key === 'deadline' ? [a.deadlineAtMs, b.deadlineAtMs] : [a.predictedMs, b.predictedMs];
    if (x !== y) return x < y ? -1 : 1;
  }
  return byArrival;
}

function withOrder(
  policy: Policy,
  { decision, rank, waitedMs, predictedMs, links }: Candidate,
  warning: Reason | null,
  lack: Reason | null,
): Decision {
  const text =
    rank === AGED
      ? `waited ${Math.round(waitedMs / 1000)} s, longer than maxWait (${policy.maxWaitMs / 1000} s): before all groups`
      : `group ${decision.priority}: nothing of a higher group on ${links.join(', ')}` +
        (Number.isFinite(predictedMs) ? `, predicted ${(predictedMs / 1000).toFixed(1)} s` : '');
  const reasons = [...decision.reasons, ...(warning ? [warning] : []), ...(lack ? [lack] : [])];
  return { ...decision, reasons: [...reasons, { code: rank === AGED ? 'aged' : 'order', text }] };
}
