import type { WorkloadEffect } from '../../contract.ts';
import { type FluidMigration, type FluidWorkload, simulate } from '../../model/fluid.ts';
import { uplinksOf } from '../../policy/uplinks.ts';
import { crossedBy } from './crossing.ts';
import type { Foreseen } from './lookahead.ts';
import { sampledHost, type World } from './world.ts';

/**
 * What the workload on each measured link does not get from now to the end of a plan: every stretch of a migration at one
 * rate is a flow that has just that rate, and the workload, as it is measured now, the rest (model/fluid.ts). Stretches
 * without an end are left out. Uplinks of switches carry them too; what tenants send there nobody measures. In the order of the links' names.
 *
 * A link of 480 with a workload of 300, a migration of 380 for 10 s: the workload has 100, and loses 2 Gbit.
 */
export function workloadEffects(world: World, foreseen: readonly Foreseen[]): WorkloadEffect[] {
  const names = [...new Set(foreseen.flatMap(({ links }) => links))].sort();
  const measured = names.flatMap((name) => measuredLink(world, name) ?? []);
  const { policy } = world;
  const uplinks = (policy ? uplinksOf(policy.switches) : []).map(({ key: name, bitsPerSecond }) => {
    return { name, capacityBitsPerSecond: bitsPerSecond };
  });
  const number = new Map([
    ...measured.map(({ link }, at) => [link, at] as const),
    ...uplinks.map(({ name }, at) => [name, measured.length + at] as const),
  ]);
  const workloads = measured.map(
    ({ workloadBitsPerSecond }, at): FluidWorkload => ({ links: [at], demandBitsPerSecond: workloadBitsPerSecond }),
  );
  const migrations = foreseen.flatMap((each) => {
    const crossed = policy ? crossedBy(world, policy, each).map(({ key }) => key) : [];
    return stretchesOf(world.nowMs, { ...each, links: [...each.links, ...crossed] }, number);
  });
  const links = measured.map(({ link, capacityBitsPerSecond }) => ({ name: link, capacityBitsPerSecond }));
  const outcome = simulate({ migrations, workloads }, [...links, ...uplinks], 'planned');
  return measured.map(({ link, workloadBitsPerSecond }, at) => ({
    link,
    workloadBitsPerSecond,
    lostBits: Math.round(outcome.workloads[at]?.lostBits ?? 0),
    overMs: Math.round(outcome.makespanMs),
  }));
}

function stretchesOf(nowMs: number, { links, rates, endAtMs }: Foreseen, number: ReadonlyMap<string, number>) {
  const crossed = links.flatMap((link) => number.get(link) ?? []);
  return rates.flatMap(({ fromMs, bitsPerSecond }, at): FluidMigration[] => {
    const spanMs = (rates[at + 1]?.fromMs ?? endAtMs.value) - fromMs;
    if (crossed.length === 0 || !(spanMs > 0) || !Number.isFinite(spanMs)) return [];
    const copyBits = (bitsPerSecond * spanMs) / 1000;
    return [{ links: crossed, copyBits, startMs: fromMs - nowMs, reservedBitsPerSecond: bitsPerSecond }];
  });
}

function measuredLink(world: World, link: string) {
  const at = link.lastIndexOf(' ');
  const host = sampledHost(world, link.slice(0, at));
  if (!host || !(host.info.shapeableBitsPerSecond > 0)) return null;
  const { workloadTxBitsPerSecond, workloadRxBitsPerSecond } = host.sample.nic;
  const capacityBitsPerSecond = host.info.shapeableBitsPerSecond;
  const workload = link.slice(at + 1) === 'tx' ? workloadTxBitsPerSecond : workloadRxBitsPerSecond;
  return { link, capacityBitsPerSecond, workloadBitsPerSecond: Math.min(workload, capacityBitsPerSecond) };
}
