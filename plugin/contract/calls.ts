/** The calls of the control API, who may make them, and the answer to one that fails. */
import { z } from 'zod';

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

export const ErrorAnswer = z.object({
  error: z.object({ code: z.string(), message: z.string(), retryable: z.boolean(), requestId: z.string() }),
});
export type ErrorAnswer = z.infer<typeof ErrorAnswer>;
