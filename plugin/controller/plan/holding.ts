import { megabits } from '../../bandwidth/choice.ts';
import type { Reason } from '../../contract.ts';
import type { Policy } from '../../policy/schema.ts';
import { uplinksOf } from '../../policy/uplinks.ts';
import { UplinkBook } from '../../schedule/live/uplinkbook.ts';
import { NO_GROUP } from '../../schedule/live/world.ts';
import { crossedBy, narrowerNic, uplinkUseOf } from './crossing.ts';
import { RANK } from './occupancy.ts';
import type { InFlightMigration, Way, World } from './world.ts';

/** Something that crosses links and has a group. */
export type Flight = Pick<InFlightMigration, 'id' | 'decision'> & Way;

/** What one migration is held to, as no switch holds anything itself. */
export interface Holding {
  /** QEMU's limit on its stream. */
  streamBitsPerSecond: number;
  /** The most that all that leave its source may send, which tc keeps; infinite: not all of them cross uplinks. */
  sourceBitsPerSecond: number;
  reason: Reason;
}

/** QEMU's limit lets 4-10 % more pass than it says, headers included (seen with QEMU 10.0). */
const STREAM_RUNS_HIGH = 1.1;

/**
 * What each of those that cross uplinks and can be held is held to, by id, so that no uplink carries more than it has
 * for migrations. QEMU's limit holds each; the pages that a guest in post-copy asks for pass beside it, and only tc on
 * its source holds them, where all that leaves that host crosses uplinks (mostly one migration leaves at a time).
 *
 * @param isOvertaken whether a higher one shares a link of its hosts.
 */
export function holdings(
  world: World,
  policy: Policy,
  all: readonly Flight[],
  isOvertaken: (flight: Flight) => boolean,
): Map<number, Holding> {
  const held = new Map<number, Holding>();
  const uplinks = uplinksOf(policy.switches);
  if (uplinks.length === 0) return held;
  // Sums of fractions differ by the order in which they are made.
  const flights = [...all].sort((a, b) => a.id - b.id);
  const book = new UplinkBook<Flight>(uplinks.map(({ bitsPerSecond }) => bitsPerSecond));
  for (const flight of flights) {
    const { decision } = flight;
    const group = decision ? RANK[decision.priority] : NO_GROUP;
    book.add(flight, uplinkUseOf(world, policy, flight, decision !== null), group);
  }
  const shares = book.shares((a, b) => a.id - b.id, isOvertaken);
  const shareOf = new Map(shares);
  for (const [flight, share] of shares) {
    // What may take all of its host's link needs no other limit.
    if (flight.decision === null || share >= narrowerNic(world, flight)) continue;
    const leaving = flights.filter(({ source }) => source === flight.source);
    held.set(flight.id, {
      streamBitsPerSecond: Math.max(1, Math.floor(share / STREAM_RUNS_HIGH)),
      sourceBitsPerSecond: leaving.reduce((sum, each) => sum + (shareOf.get(each) ?? Number.POSITIVE_INFINITY), 0),
      reason: reasonOf(world, policy, flight, share),
    });
  }
  return held;
}

function reasonOf(world: World, policy: Policy, flight: Flight, share: number): Reason {
  const has = crossedBy(world, policy, flight).map(({ key, bitsPerSecond }) => `${key} (${megabits(bitsPerSecond)})`);
  const text = `held to ${megabits(share)}, its share of what switches have for migrations: ${has.join(', ')}`;
  return { code: 'uplink-share', text };
}
