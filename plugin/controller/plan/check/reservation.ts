import type { LinkReservation, Priority } from 'drover-hostd/contract';
import type { Decision } from '../../../contract.ts';
import { limitsFor } from '../../../policy/schema/limits.ts';
import type { Policy } from '../../../policy/schema.ts';
import type { World } from '../world.ts';
import type { Place } from './view.ts';

/** Guarantees fit on the link, none is nothing, and the side that the priority protects gets what it was promised. */
export function checkReservation(
  world: World,
  policy: Policy,
  priority: Priority,
  { id, source, destination }: Place & { id: number },
  reservation: Decision['reservation'],
): string[] {
  const check = (name: string | null, link: LinkReservation | null): string[] => {
    const info = name === null ? null : world.hosts.get(name)?.info;
    if (!link) return [];
    if (!info || name === null) return [`${id}: reserves where there is no host`];
    const { migration, workload } = link;
    const capacity = Math.floor(info.shapeableBitsPerSecond);
    const broken: string[] = [];
    if (!(migration.rateBitsPerSecond > 0 && workload.rateBitsPerSecond > 0)) broken.push(`${id}: guarantees nothing`);
    if (migration.rateBitsPerSecond + workload.rateBitsPerSecond > capacity) broken.push(`${id}: guarantees too much`);
    if (Math.max(migration.ceilBitsPerSecond, workload.ceilBitsPerSecond) > capacity) {
      broken.push(`${id}: a ceiling above the link`);
    }
    const limits = limitsFor(policy.limits, name, info.nic);
    const amount = (of: typeof limits.lower) => (of.kind === 'rate' ? of.bitsPerSecond : of.fraction * capacity);
    // Neither side can be promised more than the link less the hundredth that the other always keeps.
    const most = 0.99 * capacity - 1;
    const heldTo = reservation.streamBitsPerSecond ?? Number.POSITIVE_INFINITY;
    if (priority === 'low') {
      const floor = Math.min(amount(policy.floor), most, heldTo);
      if (migration.rateBitsPerSecond < floor - 1) broken.push(`${id}: below the floor`);
      if (workload.prio >= migration.prio) broken.push(`${id}: low, but the workload does not come first`);
    } else {
      if (workload.rateBitsPerSecond < Math.min(amount(limits.lower), most) - 1) {
        broken.push(`${id}: the workload has less than lower`);
      }
      const cap =
        priority === 'medium' ? Math.max(workload.rateBitsPerSecond, amount(limits.upper)) : workload.rateBitsPerSecond;
      const borrows = migration.ceilBitsPerSecond > migration.rateBitsPerSecond || workload.ceilBitsPerSecond > cap + 1;
      if (policy.strict && borrows) broken.push(`${id}: borrows although the policy is strict`);
      if (migration.prio >= workload.prio) broken.push(`${id}: ${priority}, but the migration does not come first`);
    }
    return broken;
  };
  return [...check(source, reservation.sourceTx), ...check(destination, reservation.destinationRx)];
}
