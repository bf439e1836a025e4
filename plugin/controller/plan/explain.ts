import type { Decision, PolicyExplanation } from '../../contract.ts';
import { deadlineOf } from '../../policy/deadline.ts';
import { limitsFor } from '../../policy/schema/limits.ts';
import type { Policy } from '../../policy/schema.ts';
import { startTimes } from '../../policy/starting.ts';
import { amountOn } from '../../policy/units.ts';
import { admission } from './admission.ts';
import { crossedBy } from './crossing.ts';
import { decide } from './decide.ts';
import { withDestinations } from './destination.ts';
import { priorityOf, type QueuedMigration, sampledHost, type World } from './world.ts';

/** What a policy says of one migration: its priority, when it may start, the limits, and the decision. Pure. */
export function explainPolicy(world: World, policy: Policy, migration: QueuedMigration): PolicyExplanation {
  const [placed = migration] = withDestinations(world, policy, [migration]);
  const { source, destination, server } = placed;
  const match = priorityOf(world, policy, migration);
  const deadline = deadlineOf(policy, match.priority, migration);
  const { startsAtMs } = startTimes(policy, world.nowMs)[match.priority];
  const decision = sampledHost(world, source) === null ? null : decide(world, policy, placed);
  return {
    vm: server.name,
    atMs: world.nowMs,
    source,
    destination,
    policy: policy.id,
    priority: match.priority,
    reason: match.reason,
    lost: match.lost.map(({ place, selectors, priority, why }) => ({ place, selectors, priority, why })),
    startsAtMs,
    deadlineAtMs: deadline.atMs,
    deadlineReason: deadline.reason,
    admission: decision && admissionOf(world, policy, { migration, decision, deadlineAtMs: deadline.atMs, startsAtMs }),
    limits: [
      ...linkLimits(world, policy, source, 'tx'),
      ...(destination === null ? [] : linkLimits(world, policy, destination, 'rx')),
    ],
    uplinks: crossedBy(world, policy, placed).map(({ key, switchName, bitsPerSecond }) => {
      const path = `switches.${switchName}`;
      return { uplink: key, path, place: policy.places?.[path] ?? null, migrationBitsPerSecond: bitsPerSecond };
    }),
    decision,
  };
}

export interface Asked {
  migration: QueuedMigration;
  decision: Decision;
  deadlineAtMs: number | null;
  /** Null: its windows never open. */
  startsAtMs: number | null;
}

/** What becomes of its deadline if nothing stands before it; null without one. */
export function admissionOf(
  world: Pick<World, 'nowMs'>,
  policy: Policy,
  { migration, decision, deadlineAtMs, startsAtMs }: Asked,
): PolicyExplanation['admission'] {
  if (deadlineAtMs === null) return null;
  const startAtMs = startsAtMs ?? Number.POSITIVE_INFINITY;
  const outlook = { earliestStartAtMs: startAtMs, plannedStartAtMs: startAtMs, queuePosition: 0 };
  const { refused, warning } = admission(world, policy, { migration, decision, deadlineAtMs }, outlook);
  return { verdict: refused ? 'refuse' : warning ? 'warn' : 'accept', reason: refused ?? warning };
}

function linkLimits(world: World, policy: Policy, host: string, direction: 'tx' | 'rx'): PolicyExplanation['limits'] {
  const info = sampledHost(world, host)?.info;
  if (!info) return [];
  const { lower, upper, path } = limitsFor(policy.limits, host, info.nic);
  return [
    {
      link: `${host} ${direction}`,
      path,
      place: policy.places?.[path] ?? null,
      lowerBitsPerSecond: amountOn(lower, info.shapeableBitsPerSecond),
      upperBitsPerSecond: amountOn(upper, info.shapeableBitsPerSecond),
    },
  ];
}
