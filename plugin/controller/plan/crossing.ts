import type { Policy } from '../../policy/schema.ts';
import { amountOn } from '../../policy/units.ts';
import { type Uplink, uplinksBetween, uplinksOf } from '../../policy/uplinks.ts';
import type { UplinkUse } from '../../schedule/live/uplinks.ts';
import { answeringHost, destinationsOf, sampledHost, type Way, type World } from './world.ts';

/** A stream cannot be held below some 9 Mbit/s: hostd tells QEMU whole MiB/s (hostd/shape/guest.ts). */
const LEAST_BITS_PER_SECOND = 10e6;

/**
 * The uplinks of switches that a migration crosses. Until its destination is known those count that it may cross: the
 * sum of what crosses an uplink is kept whichever host Nova chooses.
 */
export function crossedBy(world: World, { switches }: Policy, way: Way): Uplink[] {
  return uplinksOf(switches).length === 0 ? [] : uplinksBetween(switches, way.source, destinationsOf(world, way));
}

/**
 * How it crosses them, by number in `uplinksOf`; undefined: it crosses none.
 *
 * Where hosts and policy allow `parallelPerLink` migrations at a time on a link, so many share an uplink that is no
 * faster than a NIC; of a faster one each still has as much as it would have on its host's link. With 4 of them:
 *
 * | NIC     | uplink  | alone   | share    | at a time |
 * |---------|---------|---------|----------|-----------|
 * | 10 Gbit | 4 Gbit  | 4 Gbit  | 1 Gbit   | 4         |
 * | 10 Gbit | 20 Gbit | 10 Gbit | 2.5 Gbit | 8         |
 */
export function uplinkUseOf(world: World, policy: Policy, way: Way, isManaged: boolean): UplinkUse | undefined {
  const crossed = crossedBy(world, policy, way);
  if (crossed.length === 0) return undefined;
  const nic = narrowerNic(world, way);
  const alone = Math.min(nic, ...crossed.map(({ bitsPerSecond }) => bitsPerSecond));
  const share = Math.min(alone, Math.max(alone / policy.caps.parallelPerLink, LEAST_BITS_PER_SECOND));
  const floor = Math.max(LEAST_BITS_PER_SECOND, Number.isFinite(nic) ? amountOn(policy.floor, nic) : 0);
  return {
    uplinks: crossed.map(({ number }) => number),
    aloneBitsPerSecond: alone,
    shareBitsPerSecond: share,
    leastBitsPerSecond: Math.min(share, floor),
    isHeld: isManaged && isHeldAtSource(world, way.source),
  };
}

/** What the narrower of its hosts' links may carry, which tc keeps; infinite: none is measured. */
export function narrowerNic(world: World, { source, destination }: Way): number {
  const capacities = [source, ...(destination === null ? [] : [destination])].flatMap((name) => {
    const capacity = sampledHost(world, name)?.info.shapeableBitsPerSecond ?? 0;
    return capacity > 0 ? [capacity] : [];
  });
  return Math.min(...capacities);
}

/** Its source's hostd answers and can hold a lease, and with that the stream. */
function isHeldAtSource(world: World, source: string): boolean {
  return (answeringHost(world, source)?.info.shapeableBitsPerSecond ?? 0) > 100;
}
