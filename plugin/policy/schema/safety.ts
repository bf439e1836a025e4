import { z } from 'zod';
import { Strategy, Technique } from '../../contract.ts';
import { Duration, Memory } from '../units.ts';
import { selectorShape, selectsSomething } from './selectors.ts';

const Count = z
  .number({ error: 'is not a whole number above 0' })
  .int('is not a whole number')
  .min(1, 'must be at least 1, or nothing would ever start')
  .max(1000, 'is at most 1000');

/** At most so many migrations at a time: on one link (one direction of a NIC), from a source, to a destination, in all. */
export const Caps = z.strictObject({
  parallelPerLink: Count,
  perSource: Count.optional(),
  perDestination: Count.optional(),
  clusterWide: Count.optional(),
});

/** What decides where no sample of both hosts is younger than `maxAge`. */
export const Stale = z
  .strictObject({ technique: Technique, strategy: Strategy, maxAge: Duration })
  .transform(({ technique, strategy, maxAge }) => ({ technique, strategy, maxAgeMs: maxAge }));

/** Where neither post-copy nor hybrid-copy is used, whatever was chosen. */
export const PostCopyGate = z
  .strictObject({
    /** A guest in post-copy dies with its link: not where one was lost this recently. */
    linkLostWithin: Duration,
    /** Not for guests with less memory. */
    minMemory: Memory.optional(),
    /** Not for servers that one of these matches. */
    never: z
      .array(
        z.strictObject(selectorShape).refine(selectsSomething, {
          error: 'this selects nothing: name project, name, flavor, image, host, zone, metadata, role or time',
        }),
      )
      .default([]),
  })
  .transform(({ linkLostWithin, minMemory = 0, never }) => ({
    linkLostWithinMs: linkLostWithin,
    minMemoryBytes: minMemory,
    never,
  }));
