import type { FluidLink, FluidMigration } from '../../model/fluid.ts';
import { BITS_A_BYTE } from './duration.ts';
import type { Read } from './read.ts';

/** A file's migrations as flows that start at the given times (seconds), with their full bandwidth reserved. */
export function flowsOf({ instance, memory }: Read, starts: readonly number[]) {
  const links = instance.links.map(
    ({ name, capacity }): FluidLink => ({ name, capacityBitsPerSecond: capacity * 1e6 }),
  );
  const migrations = instance.moves.map((move, m): FluidMigration => {
    const own = memory[m];
    if (!own) throw new Error(`VM ${move.vm} has no attribute memUsed: it cannot be played as a flow`);
    const bits = (megabytes: number) => megabytes * BITS_A_BYTE * 1e6;
    const hotRate = own.hotMegabytes > 0 ? own.hotMegabytes / own.hotSeconds : 0;
    return {
      links: move.uses.map(({ link }) => link),
      // Together with the hot phase this is mVM's duration at a constant rate (duration.ts).
      copyBits: bits(own.memoryMegabytes + own.hotMegabytes - own.hotSeconds * own.coldMegabytesPerSecond),
      dirtyBitsPerSecond: bits(own.coldMegabytesPerSecond),
      hotBits: bits(own.hotMegabytes),
      hotBitsPerSecond: bits(hotRate),
      startMs: (starts[m] ?? 0) * 1000,
      reservedBitsPerSecond: move.mbitPerSecond * 1e6,
    };
  });
  return { links, migrations };
}
