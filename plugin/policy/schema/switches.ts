import { z } from 'zod';
import { amountOn, Bandwidth, Rate } from '../units.ts';
import { across } from './across.ts';
import { oneOrMany, Text } from './words.ts';

/** A stream cannot be held below some 9 Mbit/s: QEMU is told whole MiB/s, and runs up to a tenth above them. */
const LEAST_BITS_PER_SECOND = 10e6;
/** Each is asked about each migration. */
const MOST_SWITCHES = 1000;

/**
 * What stands between hosts: a migration with one end below a switch and the other not crosses its uplink, up if it
 * leaves and down if it comes. The uplink is full-duplex: each direction carries all of it. A row's switch above those of
 * its racks names the hosts of all of them, and each is kept by itself.
 */
const Switch = z
  .strictObject({
    /** The hosts below it. Globs; those that are not there (yet) do no harm. */
    hosts: oneOrMany(Text),
    /** Of its uplink, in each direction. */
    capacity: Rate,
    /** What all migrations together may take of that in each direction: hostd does not see what else crosses it. */
    migrations: Bandwidth,
  })
  .superRefine(
    ...across<{ capacity: number; migrations: z.output<typeof Bandwidth> }>(({ capacity, migrations }, context) => {
      const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['migrations'], message });
      if (migrations === undefined) return;
      if (migrations.kind === 'share' && capacity === undefined) return;
      const bitsPerSecond = amountOn(migrations, capacity ?? 0);
      if (capacity !== undefined && bitsPerSecond > capacity) {
        refuse('is above the capacity of the uplink: write at most that, and less if tenants use it too');
      }
      if (bitsPerSecond < LEAST_BITS_PER_SECOND) {
        refuse('is less than a migration can be held to: write at least 10 Mbit, or no host can be emptied over it');
      }
    }),
  )
  .transform(({ hosts, capacity, migrations }) => ({
    hosts,
    capacityBitsPerSecond: capacity,
    /** Of each direction. */
    migrationBitsPerSecond: Math.floor(amountOn(migrations, capacity)),
  }));

/** By name. */
export const Switches = z
  .record(Text, Switch)
  .refine((switches) => Object.keys(switches).length <= MOST_SWITCHES, {
    error: `more than ${MOST_SWITCHES} switches`,
  })
  .default({});
export type Switches = z.output<typeof Switches>;
