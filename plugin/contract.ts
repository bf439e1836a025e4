/**
 * The words of Drover's decisions and the contract of its control API, owned here. Rates are bit/s, memory is bytes,
 * times are milliseconds; `AtMs` is Unix time.
 *
 * Control API: HTTP and JSON over a unix socket that only its owner can open (role `admin`), and over the network where
 * `control` of the configuration says so, with a bearer token of `drover token create` or a Keystone token.
 *
 * | call                           | role    | answer                                                                  |
 * |--------------------------------|---------|-------------------------------------------------------------------------|
 * | GET /v1/migrations             | read    | MigrationRecord[], newest first; MigrationsQuery says which             |
 * | GET /v1/migrations/{id}        | read    | MigrationWithEvents                                                     |
 * | GET /v1/migrations/{id}/events | read    | MigrationEvent[]                                                        |
 * | POST /v1/migrations            | request | 201 MigrationRecord of a MigrationRequest; 200 where its key was seen before |
 * | DELETE /v1/migrations/{id}     | request | MigrationRecord: ends it, or has Nova abort it; those of others: operate |
 * | PATCH /v1/migrations/{id}      | request | MigrationRecord with the PriorityChange; those of others: operate       |
 * | GET /v1/events?after=PLACE     | read    | FeedPage: what happened behind a place, see below                       |
 * | GET /v1/events/stream          | read    | the same as server-sent events, see below                               |
 * | GET /v1/servers                | read    | ServerView[]; ServersQuery says which                                   |
 * | GET /v1/hosts                  | read    | HostView[]                                                              |
 * | GET /v1/policy                 | read    | PolicyStatus                                                            |
 * | GET /v1/policy/explain         | read    | PolicyExplanation of `vm=NAME_OR_ID`, `destination=HOST` may be left out |
 * | GET /v1/plan                   | read    | Plan: when what waits and runs will start and end, as things stand      |
 * | POST /v1/plan/what-if          | read    | WhatIfAnswer of a WhatIfRequest: what would happen; changes nothing     |
 * | GET /v1/notices?after=ID       | read    | Notice[], oldest first, at most 200                                     |
 * | GET /v1/audit                  | admin   | AuditEntry[], newest first; AuditQuery says which                       |
 * | GET /metrics                   | read    | Prometheus' text format 0.0.4                                           |
 * | GET /healthz                   | anyone  | Health: the process is alive; `problems` only to who may read           |
 * | GET /readyz                    | anyone  | Readiness, 200 or 503                                                   |
 *
 * The stream (WHATWG HTML, 9.2) has `migration` with a MigrationEvent, `notice` with a Notice, and every two seconds
 * `progress` with a ProgressReport[] of what runs. The first two have an id, their place: a reader that connects again
 * with it in Last-Event-ID gets everything behind it, once and in order, also after a restart of the plugin and from
 * another replica. It begins with `hello`, whose id is the place from where it tells, or with `reset` where the place is
 * none of this database: then read everything anew. A comment comes every 15 s. Who reads nothing for 30 s is cut off.
 *
 * Errors are `ErrorAnswer` with a 4xx or 5xx status: 401 `unauthenticated`, 403 `forbidden`, 429 `too-many-attempts` with
 * Retry-After, and what each call says. Every answer has an X-Request-Id, which the audit has too.
 */
import { LinkReservation, NicRates, Priority } from 'drover-hostd/contract';
import { z } from 'zod';
import { MigrationFeatures } from './model/features.ts';

export { LinkReservation, MigrationFeatures, NicRates, Priority };

export const Technique = z.enum(['pre-copy', 'post-copy', 'hybrid-copy']);
export type Technique = z.infer<typeof Technique>;
export const Strategy = z.enum(['serial', 'parallel']);
export type Strategy = z.infer<typeof Strategy>;
export const Contention = z.enum(['low', 'moderate', 'high']);
export type Contention = z.infer<typeof Contention>;
export const Scenario = z.enum(['in-in', 'in-out', 'out-in', 'out-out']);
export type Scenario = z.infer<typeof Scenario>;
export const Cluster = z.enum(['inbound', 'outbound', 'idle']);
export type Cluster = z.infer<typeof Cluster>;

/** Why something was decided: `code` for machines, `text` for people. */
export const Reason = z.object({ code: z.string(), text: z.string() });
export type Reason = z.infer<typeof Reason>;

/** What the measured traffic says of one VM on its way from source to destination (design: what is measured). */
export const Classification = z.object({
  /** max(utilisation(source, tx), utilisation(destination, rx)), 0-1 and above. */
  utilisation: z.number().nonnegative(),
  contention: Contention,
  scenario: Scenario,
  cluster: Cluster,
});
export type Classification = z.infer<typeof Classification>;

/** A predicted figure and what it lies between nine times of ten; null: without end. */
export const PredictedFigure = z.object({
  value: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
});
export type PredictedFigure = z.infer<typeof PredictedFigure>;

/** What one technique would cost. */
export const Prediction = z.object({
  /** QEMU's set-up to completed. */
  totalMigrationTimeMs: PredictedFigure,
  /** Blackout: STOP on the source to RESUME on the destination. */
  downtimeMs: PredictedFigure,
  /** The longest time that the guest does not answer, seen from outside. */
  longestStallMs: PredictedFigure,
  bytes: PredictedFigure,
  /** Passes over the memory. */
  iterations: z.number().int().nonnegative(),
  /** Bits that the workload does not get: on the two links to the stream, and the VM's own to its waits. */
  lostBits: z.object({
    sourceTx: z.number().nullable(),
    destinationRx: z.number().nullable(),
    vm: z.number().nullable(),
  }),
  /** `never`: it does not converge. `timeout`: Nova gives up first. */
  ends: z.enum(['completed', 'timeout', 'never']),
});
export type Prediction = z.infer<typeof Prediction>;

/** A technique that was not chosen, and why. */
export const Alternative = z.object({
  technique: Technique,
  reason: Reason,
  prediction: Prediction.nullable().default(null),
});
export type Alternative = z.infer<typeof Alternative>;

export const Decision = z.object({
  priority: Priority,
  priorityReason: Reason,
  /** Null where no usable sample was there; `reasons` says why, and the policy's `stale` rule decided. */
  classification: Classification.nullable(),
  technique: Technique,
  strategy: Strategy,
  /** In the order they were applied: table row, gate, strategy row, order. */
  reasons: z.array(Reason),
  /** The techniques that were not chosen; empty in records of before this was kept. */
  alternatives: z.array(Alternative).default([]),
  /** Per link, null where nothing is reserved (no hostd there). */
  reservation: z.object({
    sourceTx: LinkReservation.nullable(),
    destinationRx: LinkReservation.nullable(),
    /** QEMU's own limit on the stream, while a higher one shares a link with it; null or absent: none. */
    streamBitsPerSecond: z.number().positive().nullish(),
  }),
  maxDowntimeMs: z.number().int().positive().nullable(),
  /** What the chosen technique is predicted to cost, and what that was predicted from; null without usable samples. */
  prediction: Prediction.nullable().default(null),
  features: MigrationFeatures.nullable().default(null),
  /** Name and content hash of the policy that decided. */
  policy: z.string(),
});
export type Decision = z.infer<typeof Decision>;

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

export const PolicyStatus = z.object({
  /** File name and content hash, e.g. `seed.yaml@3f9c2b1a`; null: none is in effect, everything goes to Nova unchanged. */
  active: z.string().nullable(),
  loadedAtMs: z.number().nullable(),
  /** The last load that was refused, null if the newest file is the active one. */
  refused: z.object({ atMs: z.number(), errors: z.array(z.string()) }).nullable(),
  /** Its files, and the commit that was checked out around the first of them, null: no git work tree. */
  source: z
    .object({ files: z.array(z.string()), commit: z.string().nullable() })
    .nullable()
    .default(null),
});
export type PolicyStatus = z.infer<typeof PolicyStatus>;

/** Who asked what, and what was decided; what was refused too. */
export const AuditEntry = z.object({
  id: z.number().int().positive(),
  atMs: z.number(),
  /** Name of the token, of the Keystone user, or `local` for whoever may open the control socket. */
  who: z.string(),
  /** How they showed who they are. */
  via: z.enum(['socket', 'token', 'keystone', 'proxy', 'none']),
  /** `migrate`, `cancel`, `priority`, ... */
  action: z.string(),
  /** The server or the migration that it concerns. */
  target: z.string().nullable(),
  /** `accepted`, or the code of the error that was answered. */
  decision: z.string(),
  requestId: z.string(),
  details: z.record(z.string(), z.unknown()),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/**
 * Something that concerns no single migration: a policy took effect or was refused, a window opened or closed, nobody
 * could look ahead (it is decided all the same, without start times and ETAs), migrations went to Nova unchanged or were
 * decided without samples.
 */
export const Notice = z.object({
  id: z.number().int().positive(),
  atMs: z.number(),
  code: z.enum(['policy-loaded', 'policy-refused', 'windows-changed', 'lookahead-failed', 'unmanaged']),
  text: z.string(),
  /** policy-refused: every error as `file:line:column: path: what to do`. */
  details: z.array(z.string()),
});
export type Notice = z.infer<typeof Notice>;

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
  /** Null where no traffic is known or given. */
  decision: Decision.nullable(),
});
export type PolicyExplanation = z.infer<typeof PolicyExplanation>;

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

/** What is asked: what if these were migrated, asked for now? */
export const WhatIfRequest = z.strictObject({
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
    .min(1)
    .max(200),
});
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
  /** Those asked about that would be taken, in the order of their starts. */
  migrations: z.array(PlannedMigration),
  /** Those that would not: a deadline that cannot be kept, no hostd that answers. */
  refused: z.array(z.object({ vmUuid: z.string(), vmName: z.string(), reason: Reason })),
  delayed: z.array(DelayedMigration),
  /** With them; `lostBitsWithout`: as it is planned now. */
  workloads: z.array(WorkloadEffect.extend({ lostBitsWithout: z.number() })),
});
export type WhatIfAnswer = z.infer<typeof WhatIfAnswer>;

// ---- the control API

/** What a client may do; each may do all that stands before it. */
export const Role = z.enum(['read', 'request', 'operate', 'admin']);
export type Role = z.infer<typeof Role>;

/** The calls and the role that each takes. */
export const CALLS = {
  'GET /v1/migrations': 'read',
  'GET /v1/migrations/{id}': 'read',
  'GET /v1/migrations/{id}/events': 'read',
  'POST /v1/migrations': 'request',
  'DELETE /v1/migrations/{id}': 'request',
  'PATCH /v1/migrations/{id}': 'request',
  'GET /v1/events': 'read',
  'GET /v1/events/stream': 'read',
  'GET /v1/servers': 'read',
  'GET /v1/hosts': 'read',
  'GET /v1/policy': 'read',
  'GET /v1/policy/explain': 'read',
  'GET /v1/plan': 'read',
  'POST /v1/plan/what-if': 'read',
  'GET /v1/notices': 'read',
  'GET /v1/audit': 'admin',
  'GET /metrics': 'read',
  'GET /healthz': 'anyone',
  'GET /readyz': 'anyone',
} as const satisfies Record<string, Role | 'anyone'>;
export type Call = keyof typeof CALLS;

/** Number of a migration, as it stands in a path. */
export const MigrationId = z.coerce.number().int().positive();

const MOST_AT_ONCE = 1000;
const numberBefore = z.coerce.number().int().positive().optional();
const limit = z.coerce.number().int().min(1).max(MOST_AT_ONCE).default(200);

/** Which migrations: all conditions hold. For the next page ask with `before` = the lowest `id` of this one. */
export const MigrationsQuery = z.strictObject({
  /** `1`: those that have ended too. Without it and without `state`: those that have not. */
  all: z.literal('1').optional(),
  /** One or several, with commas. */
  state: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(MigrationState).min(1))
    .optional(),
  /** Name or id of the server. */
  vm: z.string().min(1).optional(),
  /** Source or destination. */
  host: z.string().min(1).optional(),
  /** Id of the project. */
  project: z.string().min(1).optional(),
  /** What was asked for together. */
  group: z.string().min(1).optional(),
  before: numberBefore,
  limit,
});
export type MigrationsQuery = z.infer<typeof MigrationsQuery>;

export const MigrationWithEvents = MigrationRecord.extend({ events: z.array(MigrationEvent) });
export type MigrationWithEvents = z.infer<typeof MigrationWithEvents>;

const text = z.string().min(1).max(200);
/** Unix time, ms; not so far that it cannot be written as a date. */
const time = z.number().int().nonnegative().max(8.64e15);

/** A live migration that is asked for. Nova is asked with Drover's own account, when its turn has come. */
export const MigrationRequest = z.strictObject({
  /** Id of the server, or its name if only one has it. */
  vm: text,
  /** Absent: Nova's scheduler chooses. */
  destination: text.optional(),
  /** Goes before what metadata and policy say; the policy says which role may ask for which (`priorities.asking`). */
  priority: Priority.optional(),
  /** When it must have ended; goes before `drover:deadline`, and is refused beyond the policy's `deadlines.max`. */
  deadlineAtMs: time.optional(),
  /** It starts at that time at the earliest, and counts as asked for then. */
  notBeforeAtMs: time.optional(),
  /** Whoever sends the same key with the same request again gets the migration of the first time. A key is its client's. */
  idempotencyKey: text.optional(),
  /** Who wants it, for the audit. */
  requester: text.optional(),
  /** A name for what is asked for together; MigrationsQuery finds it. */
  group: text.optional(),
});
export type MigrationRequest = z.infer<typeof MigrationRequest>;

export const PriorityChange = z.strictObject({ priority: Priority });
export type PriorityChange = z.infer<typeof PriorityChange>;

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

export const EventsQuery = z.strictObject({ after: z.string().optional() });

/** What happened behind a place, at most 500 of each; the next page begins at `next`. Without a place: `next` is now. */
export const FeedPage = z.object({ migrations: z.array(MigrationEvent), notices: z.array(Notice), next: z.string() });
export type FeedPage = z.infer<typeof FeedPage>;

/** Which servers: all conditions hold. */
export const ServersQuery = z.strictObject({
  /** A glob over names: `db-*`. */
  name: text.optional(),
  /** Where it is. */
  host: text.optional(),
  /** Id of the project. */
  project: text.optional(),
  limit,
});
export type ServersQuery = z.infer<typeof ServersQuery>;

export const ServerView = z.object({
  id: z.string(),
  name: z.string(),
  projectId: z.string(),
  host: z.string().nullable(),
  status: z.string(),
  flavorName: z.string(),
  memoryBytes: z.number(),
});
export type ServerView = z.infer<typeof ServerView>;

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

/** The audit; the next page begins with `before` = the lowest `id` of this one. */
export const AuditQuery = z.strictObject({ before: numberBefore, limit });
export type AuditQuery = z.infer<typeof AuditQuery>;

export const Health = z.object({ status: z.enum(['ok', 'degraded']), problems: z.array(z.string()) });
export type Health = z.infer<typeof Health>;

/** Whether this plugin should be given traffic: the store can be written, a policy is in effect, Nova answers. */
export const Readiness = z.object({
  ready: z.boolean(),
  checks: z.array(z.object({ name: z.enum(['store', 'policy', 'nova']), ok: z.boolean(), text: z.string() })),
});
export type Readiness = z.infer<typeof Readiness>;

export const ErrorAnswer = z.object({
  error: z.object({ code: z.string(), message: z.string(), retryable: z.boolean(), requestId: z.string() }),
});
export type ErrorAnswer = z.infer<typeof ErrorAnswer>;
