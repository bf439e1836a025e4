import type { Priority } from 'drover-hostd/contract';
import type { Decision, Strategy } from '../../../contract.ts';
import type { Policy } from '../../../policy/schema.ts';
import { mayStart, startTimes, waitedMs } from '../../../policy/starting.ts';
import { type Action, priorityOf, type QueuedMigration, type World } from '../world.ts';
import { type Crossed, crossedOf } from './crossed.ts';

export type Place = { source: string; destination: string | null };

export type Started = QueuedMigration & { decision: Decision };

export type Running = Place & {
  id: number;
  vmUuid: string;
  group: Priority | null;
  strategy: Strategy | null;
  candidates?: readonly string[];
};

export interface View {
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
  crossed: Crossed;
}

export const GROUPS: readonly Priority[] = ['high', 'medium', 'low'];

export function viewOf(world: World, policy: Policy, actions: readonly Action[]): View {
  const byId = new Map(actions.map((action) => [action.id, action]));
  const starts = world.queue.flatMap((migration) => {
    const action = byId.get(migration.id);
    if (action?.kind !== 'start') return [];
    const { decision } = action;
    return [{ ...migration, destination: migration.destination ?? decision.destination?.host ?? null, decision }];
  });
  const held = world.queue.flatMap((migration) => {
    const action = byId.get(migration.id);
    if (action?.kind !== 'hold') return [];
    return [{ ...migration, destination: migration.destination ?? action.chosen ?? null }];
  });
  const running = (
    migration: Place & { id: number; vmUuid: string; decision: Decision | null; candidates?: readonly string[] },
  ): Running => ({
    id: migration.id,
    vmUuid: migration.vmUuid,
    source: migration.source,
    destination: migration.destination,
    group: migration.decision?.priority ?? null,
    strategy: migration.decision?.strategy ?? null,
    ...(migration.candidates ? { candidates: migration.candidates } : {}),
  });
  const flying = world.inFlight.map(running);
  const times = startTimes(policy, world.nowMs);
  // Asked of each pair of those that wait; the rules of the policy are matched once for each of them.
  const standing = new Map(
    world.queue.map((migration) => {
      const { priority } = priorityOf(world, policy, migration);
      const isAged = waitedMs(times[priority], migration.receivedAtMs, world.nowMs) >= policy.maxWaitMs;
      const level = isAged ? 0 : 1 + GROUPS.indexOf(priority);
      return [migration.id, { level, eligible: mayStart(policy, priority, world.nowMs) }];
    }),
  );
  return {
    starts,
    held,
    refused: world.queue.filter(({ id }) => byId.get(id)?.kind === 'refuse'),
    flying,
    running: [...flying, ...starts.map(running)],
    eligible: ({ id }) => standing.get(id)?.eligible ?? false,
    crossed: crossedOf(world, policy),
    level: ({ id }) => standing.get(id)?.level ?? GROUPS.length,
  };
}

export function shares(a: Place, b: Place): boolean {
  return a.source === b.source || (a.destination !== null && a.destination === b.destination);
}
