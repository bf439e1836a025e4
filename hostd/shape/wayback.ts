import type { LinkReservation } from '../contract.ts';
import { describeError, HostdError } from '../errors.ts';
import type { Desired } from './apply.ts';

/** A frame of 66 bytes acknowledges two of 1514 at the most (RFC 5681, 4.2): 2.3 % of what the migration sends. */
const WAY_BACK_SHARE = 0.03;

/**
 * What comes back of a migration (acknowledgements, post-copy's requests for pages) crosses the other direction of both
 * NICs, on which its leases say nothing. Where the workload fills that direction, they wait in its queues, and TCP cannot
 * use what the leases keep for it: beside a workload at line rate both ways, a migration got 75 of 180 Mbit/s. So a
 * direction without a lease of its own gets the classes too: the migration first, with little; the workload with the rest.
 *
 * | leases  | tx             | rx                   |
 * |---------|----------------|----------------------|
 * | none    | nothing        | nothing              |
 * | tx      | as they say    | way back: 3 % / 97 % |
 * | tx, rx  | as they say    | as they say          |
 */
export function withWayBack({ tx, rx }: Desired, shapeableBitsPerSecond: number): Desired {
  const back = tx === null && rx === null ? null : wayBack(shapeableBitsPerSecond);
  return { tx: tx ?? back, rx: rx ?? back };
}

function wayBack(shapeableBitsPerSecond: number): LinkReservation {
  const ceilBitsPerSecond = Math.floor(shapeableBitsPerSecond);
  const migration = Math.floor(WAY_BACK_SHARE * ceilBitsPerSecond);
  return {
    migration: { rateBitsPerSecond: migration, ceilBitsPerSecond, prio: 1 },
    workload: { rateBitsPerSecond: ceilBitsPerSecond - migration, ceilBitsPerSecond, prio: 2 },
  };
}

/**
 * Applies what is desired with its way back, or without where that direction is somebody else's: nobody asked for it.
 *
 * @throws what `apply` throws for what is desired itself.
 */
export async function applyWithWayBack(
  desired: Desired,
  shapeableBitsPerSecond: number,
  apply: (desired: Desired) => Promise<void>,
  without: (reason: string) => void,
): Promise<void> {
  const both = withWayBack(desired, shapeableBitsPerSecond);
  try {
    await apply(both);
  } catch (error) {
    const asked = both.tx === desired.tx && both.rx === desired.rx;
    // Refused before anything was touched.
    if (asked || !(error instanceof HostdError) || error.code !== 'qdisc-foreign') throw error;
    await apply(desired);
    without(describeError(error));
  }
}
