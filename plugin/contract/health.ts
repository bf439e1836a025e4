import { z } from 'zod';

export const Health = z.object({ status: z.enum(['ok', 'degraded']), problems: z.array(z.string()) });
export type Health = z.infer<typeof Health>;

/** Whether this plugin should be given traffic: the store can be written, a policy is in effect, Nova answers. */
export const Readiness = z.object({
  ready: z.boolean(),
  checks: z.array(z.object({ name: z.enum(['store', 'policy', 'nova']), ok: z.boolean(), text: z.string() })),
});
export type Readiness = z.infer<typeof Readiness>;
