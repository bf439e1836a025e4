import { Priority } from 'drover-hostd/contract';
import { z } from 'zod';
import { Prediction } from './decision.ts';
import { PlannedTimes } from './migration.ts';
import { Reason, Strategy, Technique } from './words.ts';

/** One migration of a plan. */
export const PlannedMigration = PlannedTimes.extend({
  /** Null: it was not asked for (what-if). */
  id: z.number().int().positive().nullable(),
  vmUuid: z.string(),
  vmName: z.string(),
  source: z.string(),
  /** Null: Nova will choose. */
  destination: z.string().nullable(),
  /** `HOST tx` of its source and, if it is known, `HOST rx` of its destination. */
  links: z.array(z.string()),
  running: z.boolean(),
  /** These three are null for one that runs without Drover. */
  priority: Priority.nullable(),
  technique: Technique.nullable(),
  strategy: Strategy.nullable(),
  /** From each time on this rate, to the next one or to its end. */
  rates: z.array(z.object({ fromAtMs: z.number(), bitsPerSecond: z.number() })),
  /** `in-danger`: it is kept unless it takes as long as one in ten does. Null: it has none. */
  deadline: z.object({ atMs: z.number(), verdict: z.enum(['kept', 'in-danger', 'late']) }).nullable(),
  /** What its technique is predicted to cost the workload on its links, and the VM itself; null: not predicted. */
  lostBits: Prediction.shape.lostBits.nullable(),
});
export type PlannedMigration = z.infer<typeof PlannedMigration>;

/** What the workload on one link will not get, from now to the end of the plan. */
export const WorkloadEffect = z.object({
  link: z.string(),
  /** As it is measured now, and taken to stay. */
  workloadBitsPerSecond: z.number(),
  lostBits: z.number(),
  overMs: z.number(),
});
export type WorkloadEffect = z.infer<typeof WorkloadEffect>;

/** The present plan of all that waits and runs. */
export const Plan = z.object({
  atMs: z.number(),
  /** Null: there is none, everything goes to Nova unchanged. */
  policy: z.string().nullable(),
  /** In the order of their starts. */
  migrations: z.array(PlannedMigration),
  workloads: z.array(WorkloadEffect),
  /** Why there is no plan; null: there is one. */
  reason: Reason.nullable(),
});
export type Plan = z.infer<typeof Plan>;
