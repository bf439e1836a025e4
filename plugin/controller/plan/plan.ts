import type { LinkReservation } from 'drover-hostd/contract';
import type { Decision, Priority, Reason } from '../../contract.ts';
import { deadlineOf } from '../../policy/deadline.ts';
import type { Policy } from '../../policy/schema.ts';
import { type StartTimes, startTimes, waitedMs } from '../../policy/starting.ts';
import { admission, outlookOf } from './admission.ts';
import { decide, reservationOf } from './decide.ts';
import { AGED, type Candidate, occupancy, RANK } from './occupancy.ts';
import {
  type Action,
  answeringHost,
  destinationsOf,
  linksOf,
  type QueuedMigration,
  sampledHost,
  type World,
} from './world.ts';

export { contentionLevels } from './decide.ts';
export { type Action, linkKey, type World, type WorldHost } from './world.ts';

/**
 * Decides for everything queued and in flight (Algorithm 1's order, Algorithm 2's adapting). Pure: the same world gives
 * the same actions, in whatever order the queue comes.
 *
 * Order: high, medium, low; inside a group by the policy's `order` (earliest deadline, shortest predicted time, arrival).
 * What may start only later (`windows`) keeps nobody else waiting, and what is refused for its deadline neither. A lower
 * group does not start on a link that a higher one uses or waits for. `serial` and `parallel` are rules inside a group: urgent work never waits for a running lower group, whose bandwidth it takes.
 */
export function plan(world: World): Action[] {
  const { policy } = world;
  const queue = [...world.queue].sort((a, b) => a.receivedAtMs - b.receivedAtMs || a.id - b.id);
  if (!policy) {
    const reason: Reason = { code: 'no-policy', text: 'there is no valid policy: to Nova unchanged' };
    return queue.map(({ id }) => ({ kind: 'pass', id, reason }));
  }
  const passed = queue.filter((migration) => !anyoneAnswers(world, migration));
  const ours = queue.filter((migration) => !passed.includes(migration));
  const times = startTimes(policy, world.nowMs);
  const candidates = ours
    .map((migration) => candidateOf(world, policy, times, migration))
    .sort((a, b) => compare(policy, a, b));
  const opensAtMs = batchEnds(queue, policy.batchWindowMs);

  const links = occupancy(world, policy);
  const actions: Action[] = [...adjustments(world, policy), ...passed.map(({ id, source }) => pass(id, source))];
  const ahead: Candidate[] = [];
  for (const candidate of candidates) {
    const { id } = candidate.migration;
    const opens = opensAtMs.get(id) ?? 0;
    const closed = outsideWindows(world, times, candidate);
    const early = world.nowMs < opens;
    const reason = early ? batchReason(policy) : (closed?.reason ?? links.obstacle(candidate));
    const startsAtMs = times[candidate.decision.priority].startsAtMs;
    const outlook = outlookOf(world, candidate, ahead, startsAtMs, reason !== null);
    const { refused, warning } = early
      ? { refused: null, warning: null }
      : admission(world, policy, candidate, outlook);
    if (refused) {
      actions.push({ kind: 'refuse', id, reason: refused });
      continue;
    }
    if (!closed) ahead.push(candidate);
    if (reason) {
      if (!closed) links.wait(candidate);
      actions.push({ kind: 'hold', id, untilMs: early ? opens : (closed?.untilMs ?? null), reason, warning });
    } else {
      links.run({ ...candidate.migration, decision: candidate.decision });
      actions.push({ kind: 'start', id, decision: withOrder(policy, candidate, warning), warning });
    }
  }
  return actions;
}

function pass(id: number, source: string): Action {
  const text = `neither ${source} nor a destination has a hostd that answers: to Nova unchanged`;
  return { kind: 'pass', id, reason: { code: 'no-hostd', text } };
}

function anyoneAnswers(world: World, migration: QueuedMigration): boolean {
  const names = [migration.source, ...destinationsOf(world, migration)];
  return names.some((name) => answeringHost(world, name) !== null);
}

function batchReason(policy: Policy): Reason {
  return { code: 'batch-window', text: `what arrives within ${policy.batchWindowMs} ms is decided together` };
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

/** When each migration's batch is decided: a batch opens with the first arrival and takes in what follows in the window. */
function batchEnds(byArrival: readonly QueuedMigration[], windowMs: number): Map<number, number> {
  const ends = new Map<number, number>();
  let end = Number.NEGATIVE_INFINITY;
  for (const { id, receivedAtMs } of byArrival) {
    if (receivedAtMs > end) end = receivedAtMs + windowMs;
    ends.set(id, end);
  }
  return ends;
}

function withOrder(
  policy: Policy,
  { decision, rank, waitedMs, predictedMs, links }: Candidate,
  warning: Reason | null,
): Decision {
  const text =
    rank === AGED
      ? `waited ${Math.round(waitedMs / 1000)} s, longer than maxWait (${policy.maxWaitMs / 1000} s): before all groups`
      : `group ${decision.priority}: nothing of a higher group on ${links.join(', ')}` +
        (Number.isFinite(predictedMs) ? `, predicted ${(predictedMs / 1000).toFixed(1)} s` : '');
  const reasons = [...decision.reasons, ...(warning ? [warning] : [])];
  return { ...decision, reasons: [...reasons, { code: rank === AGED ? 'aged' : 'order', text }] };
}

/** A reservation is changed if a rate moves by more than this share of itself; each change is a tc call on a host. */
const WORTH_CHANGING = 0.05;

/** In flight: medium follows its workload, a destination that became known is reserved, a new policy takes effect. */
function adjustments(world: World, policy: Policy): Action[] {
  return [...world.inFlight]
    .sort((a, b) => a.id - b.id)
    .flatMap((migration): Action[] => {
      if (!migration.decision) return [];
      const held = migration.decision.reservation;
      const wanted = reservationOf(world, policy, migration.decision.priority, migration);
      if (!differs(held.sourceTx, wanted.sourceTx) && !differs(held.destinationRx, wanted.destinationRx)) return [];
      const reservation = {
        sourceTx: wanted.sourceTx ?? held.sourceTx,
        destinationRx: wanted.destinationRx ?? held.destinationRx,
      };
      return [{ kind: 'adjust', id: migration.id, reservation }];
    });
}

function differs(held: LinkReservation | null, wanted: LinkReservation | null): boolean {
  if (!wanted) return false;
  if (!held) return true;
  const moved = (before: number, after: number) => Math.abs(after - before) > WORTH_CHANGING * before;
  return (
    moved(held.workload.rateBitsPerSecond, wanted.workload.rateBitsPerSecond) ||
    moved(held.migration.rateBitsPerSecond, wanted.migration.rateBitsPerSecond) ||
    moved(held.migration.ceilBitsPerSecond, wanted.migration.ceilBitsPerSecond)
  );
}
