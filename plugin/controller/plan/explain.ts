import type { PolicyExplanation } from '../../contract.ts';
import { deadlineOf } from '../../policy/deadline.ts';
import { matchPriority } from '../../policy/match.ts';
import { limitsFor } from '../../policy/schema/limits.ts';
import type { Policy } from '../../policy/schema.ts';
import { startTimes } from '../../policy/starting.ts';
import { amountOn } from '../../policy/units.ts';
import { decide } from './decide.ts';
import { circumstances, type QueuedMigration, sampledHost, type World } from './world.ts';

/** What a policy says of one migration: its priority, when it may start, the limits, and the decision. Pure. */
export function explainPolicy(world: World, policy: Policy, migration: QueuedMigration): PolicyExplanation {
  const { source, destination, server } = migration;
  const match = matchPriority(policy, server, circumstances(world, migration));
  const deadline = deadlineOf(policy, match.priority, migration);
  const measured = sampledHost(world, source) !== null;
  return {
    vm: server.name,
    atMs: world.nowMs,
    source,
    destination,
    policy: policy.id,
    priority: match.priority,
    reason: match.reason,
    lost: match.lost.map(({ place, selectors, priority, why }) => ({ place, selectors, priority, why })),
    startsAtMs: startTimes(policy, world.nowMs)[match.priority].startsAtMs,
    deadlineAtMs: deadline.atMs,
    deadlineReason: deadline.reason,
    limits: [
      ...linkLimits(world, policy, source, 'tx'),
      ...(destination === null ? [] : linkLimits(world, policy, destination, 'rx')),
    ],
    decision: measured ? decide(world, policy, migration) : null,
  };
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
