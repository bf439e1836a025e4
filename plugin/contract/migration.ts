/** One migration, from its request to its outcome. */
import { Priority } from 'drover-hostd/contract';
import { z } from 'zod';
import { Decision, PredictedFigure } from './decision.ts';
import { Reason } from './words.ts';

export const MigrationState = z.enum([
  'received',
  'queued',
  'reserving',
  'submitted',
  'running',
  'switching',
  'post-copy',
  'completed',
  'failed',
  'aborted',
]);
export type MigrationState = z.infer<typeof MigrationState>;

/** Traffic at one moment of a migration: before it, during it, after it. */
export const WorkloadRates = z.object({
  sourceTxBitsPerSecond: z.number(),
  destinationRxBitsPerSecond: z.number(),
  vmTxBitsPerSecond: z.number(),
  vmRxBitsPerSecond: z.number(),
});
export type WorkloadRates = z.infer<typeof WorkloadRates>;

/** What a finished migration cost. Null where it could not be measured. */
export const Outcome = z.object({
  /** QEMU setup to completed, as the source's hostd saw it. */
  totalMigrationTimeMs: z.number().nullable(),
  /** Guest's blackout: STOP on the source to RESUME on the destination. */
  downtimeMs: z.number().nullable(),
  /** Bound of the error of `downtimeMs` that comes from the two hosts' clocks, as measured. */
  downtimeErrorMs: z.number().nullable().default(null),
  transferredBytes: z.number().nullable(),
  iterations: z.number().nullable(),
  /** True if QEMU was seen in post-copy. */
  postCopySeen: z.boolean(),
  workload: z.object({
    before: WorkloadRates.nullable(),
    during: WorkloadRates.nullable(),
    after: WorkloadRates.nullable(),
  }),
});
export type Outcome = z.infer<typeof Outcome>;

/** What was asked for with a migration beyond what Nova's own request can say. */
export const Asked = z.object({
  /** Null: the policy says. */
  priority: Priority.nullable(),
  /** When it must have ended; null: the server's metadata or the policy say. */
  deadlineAtMs: z.number().nullable(),
  /** Not to be started before; null: at once. */
  notBeforeAtMs: z.number().nullable(),
  /** Who asked, by the client's own words, e.g. a Slack user; null: not told. */
  requester: z.string().nullable(),
  /** The client: name of its token, of its Keystone user, or `local`; null: only its priority was changed here. */
  client: z.string().nullable().default(null),
  /** The client's name for what was asked together; null: it gave none. */
  group: z.string().nullable(),
  /** W3C trace context of the request, null: none. */
  traceparent: z.string().nullable(),
});
export type Asked = z.infer<typeof Asked>;

/** When it is planned to start and to end, as things stand; the plan is made anew at every event. */
export const PlannedTimes = z.object({
  /** Of one that runs, when Nova was asked. Null: nobody can tell, `reason` says why. */
  startAtMs: z.number().nullable(),
  /** The ETA. `low`: all goes well, here and before it; `high`: all takes as long as nine in ten do. Null: not foreseeable. */
  endAtMs: PredictedFigure,
  reason: Reason.nullable(),
});
export type PlannedTimes = z.infer<typeof PlannedTimes>;

export const MigrationRecord = z.object({
  id: z.number().int().positive(),
  vmUuid: z.string(),
  vmName: z.string(),
  projectId: z.string(),
  userId: z.string(),
  source: z.string(),
  /** Null until known: the caller named none and Nova has not chosen yet. */
  destination: z.string().nullable(),
  /** Nova's own migration id and uuid, once there is one. */
  novaMigrationId: z.number().int().nullable(),
  novaMigrationUuid: z.string().nullable(),
  /** The caller was told 202 before Nova was asked. */
  deferred: z.boolean(),
  state: MigrationState,
  stateReason: Reason.nullable(),
  receivedAtMs: z.number(),
  submittedAtMs: z.number().nullable(),
  endedAtMs: z.number().nullable(),
  decision: Decision.nullable(),
  /** While it runs. */
  progress: z
    .object({
      remainingBytes: z.number(),
      totalBytes: z.number(),
      iteration: z.number(),
      transferBitsPerSecond: z.number(),
    })
    .nullable(),
  outcome: Outcome.nullable(),
  /** While it waits or runs; null: it has ended, or nobody has looked ahead yet. */
  planned: PlannedTimes.nullable().default(null),
  /** Null: it came through the compute API. */
  asked: Asked.nullable().default(null),
});
export type MigrationRecord = z.infer<typeof MigrationRecord>;

export const MigrationEvent = z.object({
  /** In the order of writing. */
  id: z.number().int().positive(),
  migrationId: z.number().int(),
  atMs: z.number(),
  state: MigrationState,
  reason: Reason,
});
export type MigrationEvent = z.infer<typeof MigrationEvent>;

export const MigrationWithEvents = MigrationRecord.extend({ events: z.array(MigrationEvent) });
export type MigrationWithEvents = z.infer<typeof MigrationWithEvents>;

/** What runs, as it is now. */
export const ProgressReport = z.object({
  migrationId: z.number().int(),
  state: MigrationState,
  remainingBytes: z.number(),
  totalBytes: z.number(),
  iteration: z.number(),
  transferBitsPerSecond: z.number(),
});
export type ProgressReport = z.infer<typeof ProgressReport>;
