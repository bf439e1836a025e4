import { deadlineOf } from '../../../policy/deadline.ts';
import type { Policy } from '../../../policy/schema.ts';
import { priorityOf, type QueuedMigration, type World } from '../world.ts';
import { isDecided } from './order.ts';
import { lacksRoom } from './room.ts';
import { sharesUplink } from './uplinks.ts';
import { type Place, shares, type View } from './view.ts';

/** Where only one start of its own group keeps it waiting, that one has no later deadline, if deadlines order first. */
export function checkDeadlines(world: World, policy: Policy, view: View, waiting: QueuedMigration): string[] {
  const { starts, running, held, level, eligible } = view;
  if (policy.order[0] !== 'deadline' || !eligible(waiting) || level(waiting) === 0) return [];
  if (lacksRoom(world, view, waiting)) return [];
  if (!isDecided(world, policy, waiting)) return [];
  // Which of those on an uplink keep it waiting there cannot be told so simply.
  const meets = (other: Place & { id: number }) => other.id !== waiting.id && sharesUplink(view, waiting, other);
  if (running.some(meets) || held.some(meets)) return [];
  const users = running.filter((other) => shares(waiting, other) || other.vmUuid === waiting.vmUuid);
  const above = held.some((other) => shares(waiting, other) && level(other) < level(waiting) && eligible(other));
  const [only, ...more] = users;
  const rival = starts.find(({ id }) => id === only?.id);
  if (!rival || more.length > 0 || above || level(rival) !== level(waiting)) return [];
  const later = ownDeadline(world, policy, rival) > ownDeadline(world, policy, waiting);
  return later ? [`${waiting.id}: waits for ${rival.id}, whose deadline is later`] : [];
}

export function checkRefusal(world: World, policy: Policy, refused: QueuedMigration): string[] {
  const allowed =
    policy.deadlines.admission === 'refuse' &&
    refused.deferred !== true &&
    Number.isFinite(ownDeadline(world, policy, refused));
  return allowed ? [] : [`${refused.id}: is refused although it may not be`];
}

function ownDeadline(world: World, policy: Policy, migration: QueuedMigration): number {
  const { priority } = priorityOf(world, policy, migration);
  return migration.deadlineAtMs ?? deadlineOf(policy, priority, migration).atMs ?? Number.POSITIVE_INFINITY;
}
