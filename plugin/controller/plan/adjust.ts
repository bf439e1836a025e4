import type { LinkReservation } from 'drover-hostd/contract';
import type { Decision, Reason } from '../../contract.ts';
import type { Policy } from '../../policy/schema.ts';
import { amountOn } from '../../policy/units.ts';
import { reservationOf } from './decide.ts';
import type { Flight, Holding } from './holding.ts';
import { atMost } from './lowered.ts';
import { RANK } from './occupancy.ts';
import { type Action, linksOf, sampledHost, type World } from './world.ts';

/** A reservation is changed if a rate moves by more than this share of itself; each change is a tc call on a host. */
const WORTH_CHANGING = 0.05;

/**
 * What changes for those in flight: medium follows its workload, a destination that became known is reserved, a new
 * policy takes effect. One beside a higher one, on either of its links, is slowed to the policy's floor and goes on when
 * that one has ended; it is never aborted. hostd does the same by itself where both leave the same host
 * (hostd/shape/combine.ts, guestLimits), but not where they only arrive at the same one. What crosses switches is held
 * to its share of their uplinks (`held`).
 *
 * @param starting what starts now.
 */
export function adjustments(
  world: World,
  policy: Policy,
  starting: readonly Flight[],
  held: ReadonlyMap<number, Holding>,
): Action[] {
  const flights = [...world.inFlight, ...starting];
  return [...world.inFlight]
    .sort((a, b) => a.id - b.id)
    .flatMap((migration): Action[] => {
      if (!migration.decision) return [];
      const holding = held.get(migration.id);
      const before = migration.decision.reservation;
      const wanted = withHolding(reservationOf(world, policy, migration.decision.priority, migration), holding);
      const floor = isOvertaken(migration, flights) ? floorOf(world, policy, migration) : null;
      const { limit, reason } = limitOf(floor, holding);
      const isSame =
        !differs(before.sourceTx, wanted.sourceTx) &&
        !differs(before.destinationRx, wanted.destinationRx) &&
        !limitDiffers(before.streamBitsPerSecond ?? null, limit) &&
        !isAbove(before, wanted, holding);
      if (isSame) return [];
      const reservation = {
        sourceTx: wanted.sourceTx ?? before.sourceTx,
        destinationRx: wanted.destinationRx ?? before.destinationRx,
        ...(limit === null ? {} : { streamBitsPerSecond: limit }),
        ...(reason ? { streamReason: reason } : {}),
      };
      return [{ kind: 'adjust', id: migration.id, reservation }];
    });
}

/** What starts is given no more than its share of the uplinks that it crosses, and says so. */
export function withHoldings(
  world: World,
  policy: Policy,
  actions: readonly Action[],
  held: ReadonlyMap<number, Holding>,
): Action[] {
  const queued = new Map(world.queue.map((migration) => [migration.id, migration]));
  return actions.map((action) => {
    const [holding, migration] = [held.get(action.id), queued.get(action.id)];
    if (action.kind !== 'start' || !holding || !migration) return action;
    const { decision } = action;
    const destination = migration.destination ?? decision.destination?.host ?? null;
    const { limit, reason } = limitOf(null, holding);
    const reservation = {
      ...withHolding(reservationOf(world, policy, decision.priority, { ...migration, destination }), holding),
      ...(limit === null ? {} : { streamBitsPerSecond: limit }),
      ...(reason ? { streamReason: reason } : {}),
    };
    return { ...action, decision: { ...decision, reservation, reasons: [...decision.reasons, holding.reason] } };
  });
}

function withHolding(reservation: Decision['reservation'], holding: Holding | undefined): Decision['reservation'] {
  return holding ? atMost(reservation, holding.sourceBitsPerSecond) : reservation;
}

/** The lower of both limits, and why. */
function limitOf(floor: number | null, holding: Holding | undefined): { limit: number | null; reason: Reason | null } {
  if (!holding || (floor !== null && floor <= holding.streamBitsPerSecond)) return { limit: floor, reason: null };
  return { limit: holding.streamBitsPerSecond, reason: holding.reason };
}

/** Of what it is held to at uplinks it may have no more, not even as little as is not worth a call on a host. */
function isAbove(
  { sourceTx, streamBitsPerSecond }: Decision['reservation'],
  wanted: Decision['reservation'],
  holding: Holding | undefined,
): boolean {
  if (!holding) return false;
  const ceilBitsPerSecond = wanted.sourceTx === null ? 0 : (sourceTx?.migration.ceilBitsPerSecond ?? 0);
  return (
    (streamBitsPerSecond ?? Number.POSITIVE_INFINITY) > holding.streamBitsPerSecond ||
    ceilBitsPerSecond > Math.max(1, holding.sourceBitsPerSecond)
  );
}

/** A higher one shares a link of one of its hosts with it. */
export function isOvertaken({ id, decision, ...own }: Flight, flights: readonly Flight[]): boolean {
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
