import type { DelayedMigration, Priority, WhatIfAnswer } from '../../contract.ts';
import { workloadEffects } from './effect.ts';
import type { Foreseen } from './lookahead.ts';
import { planAhead } from './plan.ts';
import { inOrderOfStart, type NameOf, plannedTimes, publishedMigration } from './publish.ts';
import { without, withPriorities } from './repriority.ts';
import type { QueuedMigration, World } from './world.ts';

/** Less than this is no delay: a plan of other orders is off by as much. */
const WORTH_TELLING_MS = 1000;

/** What is supposed: migrations that stand in no queue yet, and priorities of some that the world has. */
export interface Supposed {
  asked: readonly QueuedMigration[];
  priorities: ReadonlyMap<number, Priority>;
}

/**
 * What would happen if it were so: the plan with it beside the plan without. Pure, and nothing is changed.
 *
 * @throws Error if nobody can look ahead.
 */
export function whatIf(world: World, { asked, priorities }: Supposed, nameOf: NameOf): WhatIfAnswer {
  const changed = withPriorities(world, priorities);
  const after = planAhead({ ...changed, queue: [...changed.queue, ...asked] });
  if (!after.ahead) throw new Error(after.failure ?? 'there is no policy');
  const { byId } = after.ahead;
  const own = new Set([...asked.map(({ id }) => id), ...priorities.keys()]);
  const present = foreseenOf(world);
  const absent = priorities.size === 0 ? present : foreseenOf(without(world, own));
  const all = inOrderOfStart([...byId.values()]);
  const refused = after.actions.flatMap((action): WhatIfAnswer['refused'] => {
    const one = [...asked, ...changed.queue].find(({ id }) => id === action.id);
    if (!one || !own.has(one.id) || (action.kind !== 'refuse' && action.kind !== 'pass')) return [];
    return [{ vmUuid: one.vmUuid, vmName: one.server.name, reason: action.reason }];
  });
  const [lostNow, lostWithout] = [lossesOf(world, present), lossesOf(world, absent)];
  return {
    atMs: world.nowMs,
    policy: world.policy?.id ?? null,
    migrations: all.filter(({ id }) => own.has(id)).map((each) => publishedMigration(each, nameOf(each))),
    unchanged: present.filter(({ id }) => own.has(id)).map((each) => ({ id: each.id, ...plannedTimes(each) })),
    refused,
    delayed: present.filter(({ id }) => !own.has(id)).flatMap((one) => delayOf(one, byId.get(one.id), nameOf)),
    workloads: workloadEffects(world, all).map((each) => ({
      ...each,
      lostBitsWithout: lostWithout.get(each.link) ?? 0,
      lostBitsNow: lostNow.get(each.link) ?? 0,
    })),
  };
}

function foreseenOf(world: World): Foreseen[] {
  return [...(planAhead(world).ahead?.byId.values() ?? [])];
}

function lossesOf(world: World, foreseen: readonly Foreseen[]): ReadonlyMap<string, number> {
  return new Map(workloadEffects(world, foreseen).map(({ link, lostBits }) => [link, lostBits]));
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
