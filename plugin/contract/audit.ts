import { z } from 'zod';
import { limit, numberBefore } from './fields.ts';

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

/** The audit; the next page begins with `before` = the lowest `id` of this one. */
export const AuditQuery = z.strictObject({ before: numberBefore, limit });
export type AuditQuery = z.infer<typeof AuditQuery>;
