import { type Sender, waterfill } from '../../model/waterfill.ts';
import { groupOf, type LiveLink, type LiveMigration, NO_GROUP } from './world.ts';

/** What crosses the same links at the same time. */
export interface Crossing {
  own: LiveMigration;
  rate: number;
  /** What it is held to where it crosses switches (uplinks.ts). Infinite: it crosses none. */
  heldTo: number;
}

/**
 * The rates of all that fly in one part of the network (no other flight crosses its links), as hostd enforces them: on a
 * link the highest group has what its priority takes from the workload, and shares it as equals do; a lower one beside
 * it is held to its least, on all of its way. Who runs without Drover is held by nothing.
 *
 * Two links of 100 (Mbit/s), everybody's least 5:
 *
 * | on link 1  | on link 2  | rates                      |
 * |------------|------------|----------------------------|
 * | low a      | low a      | a 100                      |
 * | low a, b   |            | a 50, b 50                 |
 * | low a, high b | low a   | a 5, b 95                  |
 * | low a, high b | low a, c | a 5, b 95, c 95           |
 */
export function shareAmong<T extends Crossing>(
  flights: readonly T[],
  links: readonly LiveLink[],
  set: (flight: T, bitsPerSecond: number) => void,
): void {
  const top = new Map<number, number>();
  for (const { own } of flights) {
    for (const link of own.links) top.set(link, Math.min(top.get(link) ?? NO_GROUP, groupOf(own)));
  }
  const isHeld = ({ own }: T) =>
    own.priority !== null && own.links.some((link) => (top.get(link) ?? NO_GROUP) < groupOf(own));
  const held = flights.filter(isHeld);
  const free = held.length === 0 ? flights : flights.filter((flight) => !isHeld(flight));
  const numbers = new Map<number, number>();
  const capacities: number[] = [];
  for (const [link, group] of top) {
    numbers.set(link, capacities.length);
    capacities.push(capacityOf(links[link], group));
  }
  for (const flight of held) {
    const least = Math.min(flight.own.leastBitsPerSecond, flight.heldTo);
    set(flight, least);
    for (const link of flight.own.links) {
      const at = numbers.get(link) as number;
      capacities[at] = Math.max(0, (capacities[at] as number) - least);
    }
  }
  const [only] = free;
  if (only && free.length === 1) {
    const { links: crossed, mostBitsPerSecond, leastBitsPerSecond } = only.own;
    const most = Math.min(
      mostBitsPerSecond,
      only.heldTo,
      ...crossed.map((link) => capacities[numbers.get(link) as number] as number),
    );
    set(only, Math.max(most, Math.min(leastBitsPerSecond, only.heldTo) / 1000));
    return;
  }
  const senders = free.map(
    ({ own, heldTo }): Sender => ({
      links: own.links.map((link) => numbers.get(link) as number),
      atLeast: Math.min(own.leastBitsPerSecond, heldTo),
      atMost: Math.min(own.mostBitsPerSecond, heldTo),
    }),
  );
  const rates = waterfill(capacities, senders);
  // Where those that run were promised more than there is, none stands still for ever.
  for (const [at, flight] of free.entries()) {
    const least = Math.min(flight.own.leastBitsPerSecond, flight.heldTo);
    set(flight, Math.max(rates[at] as number, least / 1000));
  }
}

/** Among those without a group a link carries what it would carry for medium ones. */
export function capacityOf(link: LiveLink | undefined, group: number): number {
  if (!link) return 0;
  const { high, medium, low } = link.bitsPerSecond;
  return [high, medium, low, medium][group] ?? 0;
}
