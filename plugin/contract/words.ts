/** The words of the field that decisions are made in. */
import { z } from 'zod';

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
