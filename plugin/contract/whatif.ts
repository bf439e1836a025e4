import { Priority } from 'drover-hostd/contract';
import { z } from 'zod';
import { PlannedTimes } from './migration.ts';
import { PlannedMigration, WorkloadEffect } from './plan.ts';
import { Reason } from './words.ts';

/** What is asked: what if these were migrated, asked for now, and those that wait or run had these priorities? */
export const WhatIfRequest = z
  .strictObject({
    migrations: z
      .array(
        z.strictObject({
          /** Name or id of the server. */
          vm: z.string().min(1).max(255),
          /** Absent or null: Nova would choose. */
          destination: z.string().min(1).max(255).nullish(),
          /** Absent or null: the policy says. */
          priority: Priority.nullish(),
          /** When it must have ended; absent or null: the server's metadata or the policy say. */
          deadlineAtMs: z.number().nonnegative().nullish(),
        }),
      )
      .max(200),
    /** Of some that wait or run, by their numbers. One that is to start later is taken to start now. */
    priorities: z
      .array(z.strictObject({ id: z.number().int().positive(), priority: Priority }))
      .max(200)
      .optional(),
  })
  .refine(
    ({ migrations, priorities = [] }) => migrations.length + priorities.length > 0,
    'name a server, or a priority',
  );
export type WhatIfRequest = z.infer<typeof WhatIfRequest>;

/** One that waits or runs and would end later. */
export const DelayedMigration = z.object({
  id: z.number().int().positive().nullable(),
  vmUuid: z.string(),
  vmName: z.string(),
  running: z.boolean(),
  before: PlannedTimes,
  after: PlannedTimes,
  /** Null: it would have no foreseeable end any more. */
  laterMs: z.number().nullable(),
  /** It would keep its deadline now, and not then. */
  missesDeadline: z.boolean(),
});
export type DelayedMigration = z.infer<typeof DelayedMigration>;

export const WhatIfAnswer = z.object({
  atMs: z.number(),
  policy: z.string().nullable(),
  /** Those asked about that would be taken, and those with another priority, in the order of their starts. */
  migrations: z.array(PlannedMigration),
  /** Of those with another priority: when they start and end as it is planned now; one that is to start later is not in it. */
  unchanged: z.array(PlannedTimes.extend({ id: z.number().int().positive() })),
  /** Those that would not: a deadline that cannot be kept, no hostd that answers. */
  refused: z.array(z.object({ vmUuid: z.string(), vmName: z.string(), reason: Reason })),
  delayed: z.array(DelayedMigration),
  /**
   * With them. `lostBitsWithout`: without all that is asked about, as if those with another priority were not there at
   * all; `lostBitsNow`: as it is planned now.
   */
  workloads: z.array(WorkloadEffect.extend({ lostBitsWithout: z.number(), lostBitsNow: z.number() })),
});
export type WhatIfAnswer = z.infer<typeof WhatIfAnswer>;
