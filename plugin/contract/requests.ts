/** What may be asked for, and which of the migrations are asked about. */
import { Priority } from 'drover-hostd/contract';
import { z } from 'zod';
import { limit, numberBefore, text, time } from './fields.ts';
import { MigrationState } from './migration.ts';

/** Number of a migration, as it stands in a path. */
export const MigrationId = z.coerce.number().int().positive();

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
