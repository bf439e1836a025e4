import { z } from 'zod';
import { across } from './schema/across.ts';
import { LimitsRule } from './schema/limits.ts';
import { Priorities } from './schema/priorities.ts';
import { Caps, Floor, PostCopyGate, Stale } from './schema/safety.ts';
import { Switches } from './schema/switches.ts';
import { TechniqueRule } from './schema/technique.ts';
import { Deadlines, Order, StartWindows } from './schema/timing.ts';
import { Clusters, ContentionLevels, StrategyTable } from './schema/traffic.ts';
import { Duration } from './units.ts';

const LONGEST_BATCH_MS = 3600e3;

/** A policy as it is written, after its files were merged. */
export const PolicyDocument = z.strictObject({
  version: z.literal(1, { error: 'the only version of the policy language is 1: write version: 1' }),
  priorities: Priorities,
  limits: LimitsRule,
  switches: Switches,
  contention: ContentionLevels,
  clusters: Clusters,
  technique: TechniqueRule,
  strategy: StrategyTable,
  order: Order,
  batchWindow: Duration.refine((ms) => ms <= LONGEST_BATCH_MS, {
    error: 'every migration waits for the whole batch window: write at most 1 h',
  }),
  maxWait: Duration.refine((ms) => ms > 0, {
    error: 'maxWait must be longer than 0, or everything overtakes everything',
  }),
  caps: Caps,
  windows: StartWindows,
  deadlines: Deadlines,
  downtime: Duration.refine((ms) => ms >= 1 && ms <= 2_000_000, {
    error: 'QEMU takes a downtime limit of 1 ms to 2000 s',
  }),
  stale: Stale,
  floor: Floor,
  strict: z.boolean({ error: 'write true or false' }).default(false),
  /** Who chooses where no host was asked for: Nova's scheduler, or Drover by the traffic. */
  destination: z.enum(['keep', 'least-contended']).default('keep'),
  postCopyGate: PostCopyGate,
});

/** A policy's content, checked, in plain numbers: shares 0-1, times in ms, memory in bytes. */
export const PolicyContent = PolicyDocument.superRefine(
  ...across<{ batchWindow: number; maxWait: number }>(({ batchWindow, maxWait }, context) => {
    if (batchWindow === undefined || maxWait === undefined || maxWait > batchWindow) return;
    const message =
      'is no longer than batchWindow, so that everything goes before everything: write at least some minutes';
    context.addIssue({ code: 'custom', path: ['maxWait'], message });
  }),
).transform(({ version, batchWindow, maxWait, downtime, ...rest }) => ({
  ...rest,
  batchWindowMs: batchWindow,
  maxWaitMs: maxWait,
  downtimeMs: downtime,
}));

export type Policy = z.infer<typeof PolicyContent> & {
  /** Names of the files and the hash of their content, e.g. `seed.yaml@3f9c2b1a` or `seed.yaml+site.yaml@0c1d2e3f`. */
  id: string;
  /** Where its rules and values stand, by path: `priorities.rules[0]` is at `seed.yaml:15:7`. */
  places?: Readonly<Record<string, string>>;
};
