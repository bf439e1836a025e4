import { LinkReservation, NicRates } from 'drover-hostd/contract';
import { z } from 'zod';
import { Reason } from './words.ts';

/** A compute host as it is now. Null: not known. */
export const HostView = z.object({
  host: z.string(),
  /** Its hostd answers. */
  reachable: z.boolean(),
  sampleAgeMs: z.number().nullable(),
  linkBitsPerSecond: z.number().nullable(),
  shapeableBitsPerSecond: z.number().nullable(),
  /** Traffic by class; null where the newest sample is older than 10 s. */
  nic: NicRates.nullable(),
  /** What stands on each direction of the NIC. */
  reserved: z.object({ tx: LinkReservation.nullable(), rx: LinkReservation.nullable() }).nullable(),
  postCopy: z.object({ permitted: z.boolean(), reason: z.string() }).nullable(),
  /** Nova's own limit of migrations from this host; 0: none. */
  maxConcurrentLiveMigrations: z.number().int().nonnegative().nullable(),
  libvirtVersion: z.string().nullable(),
  qemuVersion: z.string().nullable(),
  /** Numbers of the migrations from it and to it that Nova has. */
  leaving: z.array(z.number().int()),
  arriving: z.array(z.number().int()),
  /** `hostd-silent`, `stale-samples`, `nova-serial`. */
  warnings: z.array(Reason),
});
export type HostView = z.infer<typeof HostView>;
