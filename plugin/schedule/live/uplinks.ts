import { type Sender, waterfill } from '../../model/waterfill.ts';

/**
 * How a migration crosses switches. No switch shares out what crosses it, so each migration is held to a rate at its
 * source, and what it does not use there nobody else gets.
 */
export interface UplinkUse {
  /** Indices of uplinks. */
  uplinks: readonly number[];
  /** What it could take if nothing else crossed them. */
  aloneBitsPerSecond: number;
  /** It starts beside equals while each of them can have that much. */
  shareBitsPerSecond: number;
  /** It runs with no less than this, whoever comes. */
  leastBitsPerSecond: number;
  /** Its source can hold it to a rate; else it is counted with all that it could take. */
  isHeld: boolean;
}

/** A migration that would cross uplinks. */
export interface Waiter {
  use: UplinkUse;
  /** Of its priority, the highest is the lowest number. */
  group: number;
}

/** One that crosses them now. */
export interface Crosser extends Waiter {
  /** It is held to its least already, as a higher one shares a host's link with it. */
  isOvertaken: boolean;
}

/** Rates add up with this much slack. */
const SLACK = 1e-9;
/** Before all groups. */
const UNHELD = -1;

/**
 * What each may send so that no uplink carries more than it has for migrations: everybody the least, then the rest to
 * those that nobody can hold, and to the highest group, in which equals share (max-min); what that leaves to the next.
 *
 * Across an uplink of 100 (Mbit/s), each 60 alone and 5 at least:
 *
 * | crosses                     | rates              |
 * |-----------------------------|--------------------|
 * | low a                       | a 60               |
 * | low a, b                    | a 50, b 50         |
 * | high a, low b               | a 60, b 40         |
 * | high a, b, low c            | a 47.5, b 47.5, c 5 |
 * | high a, low b (not held)    | a 40, b 60         |
 *
 * The leasts are cut where the uplink cannot carry even them: it is less now than it was when they started.
 */
export function shareUplinks(capacities: readonly number[], crossers: readonly Crosser[]): number[] {
  const left = [...capacities];
  const promised = capacities.map(() => 0);
  for (const { use } of crossers) {
    for (const uplink of use.uplinks) promised[uplink] = (promised[uplink] ?? 0) + use.leastBitsPerSecond;
  }
  const rates = crossers.map(({ use: { uplinks, leastBitsPerSecond } }) =>
    Math.min(
      leastBitsPerSecond,
      ...uplinks.map((at) => leastBitsPerSecond * ((capacities[at] ?? 0) / (promised[at] ?? 1))),
    ),
  );
  for (const [index, rate] of rates.entries()) take(index, rate);
  const passOf = ({ use, group }: Crosser) => (use.isHeld ? group : UNHELD);
  const passes = [...new Set(crossers.map(passOf))].sort((a, b) => a - b);
  for (const pass of passes) {
    const growing = crossers.flatMap((crosser, index) =>
      passOf(crosser) === pass && !(crosser.isOvertaken && crosser.use.isHeld) ? [index] : [],
    );
    const more = waterfill(
      left,
      growing.map((index): Sender => {
        const { uplinks, aloneBitsPerSecond } = (crossers[index] as Crosser).use;
        return { links: uplinks, atMost: Math.max(0, aloneBitsPerSecond - (rates[index] as number)) };
      }),
    );
    growing.forEach((index, at) => {
      take(index, more[at] as number);
      rates[index] = (rates[index] as number) + (more[at] as number);
    });
  }
  return rates;

  function take(index: number, bitsPerSecond: number): void {
    for (const uplink of crossers[index]?.use.uplinks ?? []) {
      left[uplink] = Math.max(0, (left[uplink] ?? 0) - bitsPerSecond);
    }
  }
}

/**
 * The first uplink of a migration that has no room for it: those of a higher group need all that they can take, equals
 * their share, lower ones their least. Null: it may start.
 *
 * @param crossing all that cross an uplink already.
 */
export function fullUplink(
  capacities: readonly number[],
  { use: own, group }: Waiter,
  crossing: (uplink: number) => readonly Waiter[],
): number | null {
  const needOf = (other: Waiter) => {
    const { isHeld, aloneBitsPerSecond, shareBitsPerSecond, leastBitsPerSecond } = other.use;
    if (!isHeld || other.group < group) return aloneBitsPerSecond;
    return other.group === group ? shareBitsPerSecond : leastBitsPerSecond;
  };
  const ownNeed = own.isHeld ? own.shareBitsPerSecond : own.aloneBitsPerSecond;
  const full = own.uplinks.find((uplink) => {
    const need = crossing(uplink).reduce((sum, other) => sum + needOf(other), ownNeed);
    return need > (capacities[uplink] ?? 0) * (1 + SLACK);
  });
  return full ?? null;
}
