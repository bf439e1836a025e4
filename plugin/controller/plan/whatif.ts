import type { DelayedMigration, WhatIfAnswer } from '../../contract.ts';
import { workloadEffects } from './effect.ts';
import type { Foreseen } from './lookahead.ts';
import { planAhead } from './plan.ts';
import { inOrderOfStart, type NameOf, plannedTimes, publishedMigration } from './publish.ts';
import type { QueuedMigration, World } from './world.ts';

/** Less than this is no delay: a plan of other orders is off by as much. */
const WORTH_TELLING_MS = 1000;

/**
 * What would happen if these were asked for now: the plan with them beside the plan without. Pure, and nothing is changed.
 *
 * @throws Error if nobody can look ahead.
 */
export function whatIf(world: World, asked: readonly QueuedMigration[], nameOf: NameOf): WhatIfAnswer {
  const before = planAhead(world);
  const after = planAhead({ ...world, queue: [...world.queue, ...asked] });
  if (!after.ahead) throw new Error(after.failure ?? 'there is no policy');
  const ids = new Set(asked.map(({ id }) => id));
  const without = [...(before.ahead?.byId.values() ?? [])];
  const all = inOrderOfStart([...after.ahead.byId.values()]);
  const refused = after.actions.flatMap((action): WhatIfAnswer['refused'] => {
    const own = asked.find(({ id }) => id === action.id);
    if (!own || (action.kind !== 'refuse' && action.kind !== 'pass')) return [];
    return [{ vmUuid: own.vmUuid, vmName: own.server.name, reason: action.reason }];
  });
  const workloadsBefore = new Map(workloadEffects(world, without).map((each) => [each.link, each.lostBits]));
  return {
    atMs: world.nowMs,
    policy: world.policy?.id ?? null,
    migrations: all.filter(({ id }) => ids.has(id)).map((each) => publishedMigration(each, nameOf(each))),
    refused,
    delayed: without.flatMap((one) => delayOf(one, after.ahead?.byId.get(one.id), nameOf)),
    workloads: workloadEffects(world, all).map((each) => ({
      ...each,
      lostBitsWithout: workloadsBefore.get(each.link) ?? 0,
    })),
  };
}

function delayOf(without: Foreseen, withThem: Foreseen | undefined, nameOf: NameOf): DelayedMigration[] {
  if (!withThem) return [];
  const laterMs = withThem.endAtMs.value - without.endAtMs.value;
  // Two that never end are no later for it.
  if (!(laterMs >= WORTH_TELLING_MS)) return [];
  return [
    {
      ...nameOf(without),
      vmUuid: without.vmUuid,
      running: without.running,
      before: plannedTimes(without),
      after: plannedTimes(withThem),
      laterMs: Number.isFinite(laterMs) ? Math.round(laterMs) : null,
      missesDeadline: without.lateMs === 0 && withThem.lateMs > 0,
    },
  ];
}
