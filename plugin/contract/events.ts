/** What happened, as a feed and as a stream. */
import { z } from 'zod';
import { MigrationEvent } from './migration.ts';

/**
 * Something that concerns no single migration: a policy took effect or was refused, a window opened or closed, nobody
 * could look ahead (it is decided all the same, without start times and ETAs), migrations went to Nova unchanged or were
 * decided without samples, a plan broke its own rules (what would break one is held a while).
 */
export const Notice = z.object({
  id: z.number().int().positive(),
  atMs: z.number(),
  code: z.enum(['policy-loaded', 'policy-refused', 'windows-changed', 'lookahead-failed', 'plan-broken', 'unmanaged']),
  text: z.string(),
  /** policy-refused: every error as `file:line:column: path: what to do`; policy-loaded: its commit, and warnings likewise. */
  details: z.array(z.string()),
});
export type Notice = z.infer<typeof Notice>;

export const EventsQuery = z.strictObject({ after: z.string().optional() });

/** What happened behind a place, at most 500 of each; the next page begins at `next`. Without a place: `next` is now. */
export const FeedPage = z.object({ migrations: z.array(MigrationEvent), notices: z.array(Notice), next: z.string() });
export type FeedPage = z.infer<typeof FeedPage>;
