import { Priority } from 'drover-hostd/contract';
import { z } from 'zod';
import { Decision } from './decision.ts';
import { Reason } from './words.ts';

export const PolicyStatus = z.object({
  /** File name and content hash, e.g. `seed.yaml@3f9c2b1a`; null: none is in effect, everything goes to Nova unchanged. */
  active: z.string().nullable(),
  loadedAtMs: z.number().nullable(),
  /** The last load that was refused, null if the newest file is the active one. */
  refused: z.object({ atMs: z.number(), errors: z.array(z.string()) }).nullable(),
  /** Of the active one: what is valid and does nothing, or not what it seems to, as `file:line:column: path: what to do`. */
  warnings: z.array(z.string()).default([]),
  /** Its files, and the commit that was checked out around the first of them, null: no git work tree. */
  source: z
    .object({ files: z.array(z.string()), commit: z.string().nullable() })
    .nullable()
    .default(null),
});
export type PolicyStatus = z.infer<typeof PolicyStatus>;

/** What the policy says of one server now, and why. */
export const PolicyExplanation = z.object({
  vm: z.string(),
  atMs: z.number(),
  source: z.string().nullable(),
  destination: z.string().nullable(),
  policy: z.string(),
  priority: Priority,
  reason: Reason,
  /** Other rules that match, the most specific first. */
  lost: z.array(z.object({ place: z.string(), selectors: z.string(), priority: Priority, why: z.string() })),
  /** When it may start: null if its windows never open. */
  startsAtMs: z.number().nullable(),
  /** When it must have ended if it were asked for now, null: no deadline; and what of the server's wish does not count. */
  deadlineAtMs: z.number().nullable().default(null),
  deadlineReason: Reason.nullable().default(null),
  /**
   * What `deadlines.admission` would make of it if nothing stood before it; null without a deadline, or where nothing is
   * decided.
   */
  admission: z
    .object({ verdict: z.enum(['accept', 'warn', 'refuse']), reason: Reason.nullable() })
    .nullable()
    .default(null),
  /** For each link that is known: what workload traffic is promised, bit/s, and the path that says so. */
  limits: z.array(
    z.object({
      link: z.string(),
      path: z.string(),
      place: z.string().nullable(),
      lowerBitsPerSecond: z.number(),
      upperBitsPerSecond: z.number(),
    }),
  ),
  /** The uplinks of switches that it crosses (or may cross, until its destination is known), and what they have for all migrations. */
  uplinks: z
    .array(
      z.object({
        uplink: z.string(),
        path: z.string(),
        place: z.string().nullable(),
        migrationBitsPerSecond: z.number(),
      }),
    )
    .default([]),
  /** Null where no traffic is known or given. */
  decision: Decision.nullable(),
});
export type PolicyExplanation = z.infer<typeof PolicyExplanation>;
