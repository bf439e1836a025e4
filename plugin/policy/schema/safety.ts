import { z } from 'zod';
import { Strategy, Technique } from '../../contract.ts';
import { Bandwidth, Duration, Memory } from '../units.ts';
import { mustSelect, selectorShape } from './selectors.ts';

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

const LEAST_FLOOR = { bitsPerSecond: 1e6, fraction: 0.01 };
const HIGHEST_FLOOR = 0.5;

/** What a migration of low priority is guaranteed on each of its links. */
export const Floor = Bandwidth.superRefine((amount, context) => {
  const refuse = (message: string) => context.addIssue({ code: 'custom', message });
  const tooLow =
    amount.kind === 'rate' ? amount.bitsPerSecond < LEAST_FLOOR.bitsPerSecond : amount.fraction < LEAST_FLOOR.fraction;
  if (tooLow) refuse('so low a floor lets a low-priority migration run for ever: write at least 1 % or 1 Mbit');
  if (amount.kind === 'share' && amount.fraction > HIGHEST_FLOOR) {
    refuse(
      'so high a floor takes from the workload what low priority leaves it: write at most 50 %, or give those migrations a higher priority',
    );
  }
});

/** hostd reads its counters once a second, and a sample is on its way. */
const YOUNGEST_MS = 2000;
const OLDEST_MS = 300_000;

const MaxAge = Duration.refine((ms) => ms >= YOUNGEST_MS, {
  error: 'hostd samples once a second, so that every sample would be too old: write at least 2 s',
}).refine((ms) => ms <= OLDEST_MS, {
  error: 'traffic of so long ago says nothing of now: write at most 5 min',
});

/** What decides where no sample of both hosts is younger than `maxAge`. */
export const Stale = z
  .strictObject({ technique: Technique, strategy: Strategy, maxAge: MaxAge })
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
        z
          .strictObject(selectorShape)
          .refine(
            ...mustSelect(
              'this selects nothing: name project, name, flavor, image, host, zone, metadata, role or time',
            ),
          ),
      )
      .default([]),
  })
  .transform(({ linkLostWithin, minMemory = 0, never }) => ({
    linkLostWithinMs: linkLostWithin,
    minMemoryBytes: minMemory,
    never,
  }));
