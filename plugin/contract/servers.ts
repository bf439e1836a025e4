import { z } from 'zod';
import { limit, text } from './fields.ts';

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
