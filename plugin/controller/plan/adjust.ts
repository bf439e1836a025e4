import type { LinkReservation } from 'drover-hostd/contract';
import type { Policy } from '../../policy/schema.ts';
import { amountOn } from '../../policy/units.ts';
import { reservationOf } from './decide.ts';
import { RANK } from './occupancy.ts';
import { type Action, type InFlightMigration, linksOf, sampledHost, type World } from './world.ts';

/** A reservation is changed if a rate moves by more than this share of itself; each change is a tc call on a host. */
const WORTH_CHANGING = 0.05;

/** Something that crosses links and has a group. */
export type Flight = Pick<InFlightMigration, 'id' | 'source' | 'destination' | 'decision'>;

/**
 * What changes for those in flight: medium follows its workload, a destination that became known is reserved, a new
 * policy takes effect. One beside a higher one, on either of its links, is slowed to the policy's floor and goes on when
 * that one has ended; it is never aborted. hostd does the same by itself where both leave the same host
 * (hostd/shape/combine.ts, guestLimits), but not where they only arrive at the same one.
 *
 * @param starting what starts now.
 */
export function adjustments(world: World, policy: Policy, starting: readonly Flight[]): Action[] {
  const flights = [...world.inFlight, ...starting];
  return [...world.inFlight]
    .sort((a, b) => a.id - b.id)
    .flatMap((migration): Action[] => {
      if (!migration.decision) return [];
      const held = migration.decision.reservation;
      const wanted = reservationOf(world, policy, migration.decision.priority, migration);
      const limit = isOvertaken(migration, flights) ? floorOf(world, policy, migration) : null;
      const heldLimit = held.streamBitsPerSecond ?? null;
      const isSame =
        !differs(held.sourceTx, wanted.sourceTx) &&
        !differs(held.destinationRx, wanted.destinationRx) &&
        !limitDiffers(heldLimit, limit);
      if (isSame) return [];
      const reservation = {
        sourceTx: wanted.sourceTx ?? held.sourceTx,
        destinationRx: wanted.destinationRx ?? held.destinationRx,
        ...(limit === null ? {} : { streamBitsPerSecond: limit }),
      };
      return [{ kind: 'adjust', id: migration.id, reservation }];
    });
}

function isOvertaken({ id, decision, ...own }: Flight, flights: readonly Flight[]): boolean {
  if (!decision) return false;
  const links = linksOf(own);
  return flights.some(
    (other) =>
      other.id !== id &&
      other.decision !== null &&
      RANK[other.decision.priority] < RANK[decision.priority] &&
      linksOf(other).some((link) => links.includes(link)),
  );
}

/** The policy's floor on the narrower of its measured links, bit/s; null: none is measured. */
export function floorOf(world: World, policy: Policy, { source, destination }: Pick<Flight, 'source' | 'destination'>) {
  const floors = [source, ...(destination === null ? [] : [destination])].flatMap((name) => {
    const capacity = sampledHost(world, name)?.info.shapeableBitsPerSecond ?? 0;
    return capacity > 0 ? [amountOn(policy.floor, capacity)] : [];
  });
  return floors.length === 0 ? null : Math.max(1, Math.round(Math.min(...floors)));
}

function limitDiffers(held: number | null, wanted: number | null): boolean {
  if (held === null || wanted === null) return held !== wanted;
  return moved(held, wanted);
}

function differs(held: LinkReservation | null, wanted: LinkReservation | null): boolean {
  if (!wanted) return false;
  if (!held) return true;
  return (
    moved(held.workload.rateBitsPerSecond, wanted.workload.rateBitsPerSecond) ||
    moved(held.migration.rateBitsPerSecond, wanted.migration.rateBitsPerSecond) ||
    moved(held.migration.ceilBitsPerSecond, wanted.migration.ceilBitsPerSecond)
  );
}

function moved(before: number, after: number): boolean {
  return Math.abs(after - before) > WORTH_CHANGING * before;
}
