import type { Policy } from '../../../policy/schema.ts';
import { mayStart } from '../../../policy/starting.ts';
import { ADMITTED_WITHIN_MS, type QueuedMigration, type World } from '../world.ts';
import { lacksRoom } from './room.ts';
import { sharesUplink } from './uplinks.ts';
import { GROUPS, type Place, type Started, shares, type View } from './view.ts';

export function checkTiming(world: World, policy: Policy, started: Started): string[] {
  const broken = batchOpen(world, policy, started) ? [`${started.id}: starts inside its batch window`] : [];
  if (!mayStart(policy, started.decision.priority, world.nowMs))
    broken.push(`${started.id}: starts outside its windows`);
  return broken;
}

/** Its batch is decided by now for certain: its window is over, and that of whoever opened it, and nobody is awaited. */
export function isDecided(
  { nowMs, arriving = [] }: World,
  { batchWindowMs }: Policy,
  waiting: QueuedMigration,
): boolean {
  const overAtMs = waiting.receivedAtMs + batchWindowMs;
  const isAwaited = arriving.some((atMs) => atMs <= overAtMs);
  return nowMs >= overAtMs + (isAwaited ? ADMITTED_WITHIN_MS : 0);
}

/** A start waits for the end of a window that its own arrival or an earlier one opened and that it arrived in. */
function batchOpen(world: World, policy: Policy, { receivedAtMs }: QueuedMigration): boolean {
  return !world.queue.some((other) => {
    const endMs = other.receivedAtMs + policy.batchWindowMs;
    return other.receivedAtMs <= receivedAtMs && receivedAtMs <= endMs && endMs <= world.nowMs;
  });
}

export function checkOrder({ running, held, flying, level, eligible }: View, started: Started): string[] {
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

export function checkSerial({ running, flying, level }: View, started: Started): string[] {
  const { priority, strategy } = started.decision;
  const inGroup = running.filter(
    (other) => other.group === priority && (strategy === 'serial' || other.strategy === 'serial'),
  );
  const besides = strategy === 'serial' ? flying.filter((other) => other.group === null || level(started) === 0) : [];
  return [...new Set([...inGroup, ...besides])]
    .filter((other) => other.id !== started.id && shares(started, other))
    .map((other) => `${started.id}: runs beside ${other.id}, one of them serial`);
}

/** One whose links nobody uses, that nobody of a higher group waits for, and that has room has nothing to wait for. */
export function checkIdle(world: World, policy: Policy, view: View, waiting: QueuedMigration): string[] {
  const { running, held, level, eligible } = view;
  const meets = (other: Place & { id: number }) => shares(waiting, other) || sharesUplink(view, waiting, other);
  const obstacles = [
    ...running.filter((other) => meets(other) || other.vmUuid === waiting.vmUuid),
    ...held.filter((other) => meets(other) && standsBefore(level, other, waiting) && eligible(other)),
  ];
  const mayGo = eligible(waiting) && running.length < (policy.caps.clusterWide ?? Number.POSITIVE_INFINITY);
  const isFree =
    obstacles.length === 0 && isDecided(world, policy, waiting) && mayGo && !lacksRoom(world, view, waiting);
  return isFree ? [`${waiting.id}: waits for nothing`] : [];
}
