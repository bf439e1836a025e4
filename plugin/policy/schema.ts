import { z } from 'zod';
import { Contention, Priority, Strategy, Technique } from '../contract.ts';
import { TechniqueRule } from './schema/technique.ts';
import { anyOf, oneOrMany, Text, total } from './schema/words.ts';
import { Bandwidth, Duration, Share } from './units.ts';

const TextList = oneOrMany(Text).optional();

const PriorityRule = z
  .strictObject({
    project: TextList,
    name: TextList,
    flavor: TextList,
    metadata: z.record(Text, Text).optional(),
    priority: Priority,
  })
  .refine((rule) => rule.project || rule.name || rule.flavor || (rule.metadata && Object.keys(rule.metadata).length), {
    error: 'this rule selects nothing: name project, name, flavor or metadata, or set priorities.default instead',
  });
export type PriorityRule = z.infer<typeof PriorityRule>;

const Limits = z.strictObject({ lower: Bandwidth, upper: Bandwidth }).superRefine(({ lower, upper }, context) => {
  const zero = lower.kind === 'rate' ? lower.bitsPerSecond === 0 : lower.fraction === 0;
  if (zero) {
    context.addIssue({ code: 'custom', path: ['lower'], message: 'lower is 0: workload must be promised something' });
  }
  if (lower.kind !== upper.kind) {
    context.addIssue({
      code: 'custom',
      path: ['upper'],
      message: 'lower and upper have mixed units, so they cannot be compared: write both as a rate or both as %',
    });
  } else if (
    lower.kind === 'rate' && upper.kind === 'rate'
      ? lower.bitsPerSecond > upper.bitsPerSecond
      : lower.kind === 'share' && upper.kind === 'share' && lower.fraction > upper.fraction
  ) {
    context.addIssue({ code: 'custom', path: ['lower'], message: 'lower is above upper: swap or correct them' });
  }
});
export type Limits = z.infer<typeof Limits>;

const ContentionLevels = z
  .strictObject({ moderate: Share, high: Share, hysteresis: Share })
  .superRefine(({ moderate, high, hysteresis }, context) => {
    if (moderate === 0 || moderate >= high) {
      context.addIssue({ code: 'custom', path: ['moderate'], message: 'moderate must lie above 0 % and below high' });
    } else if (hysteresis >= Math.min(moderate, high - moderate)) {
      context.addIssue({
        code: 'custom',
        path: ['hysteresis'],
        message: 'hysteresis must be smaller than moderate and than high - moderate, or a level could never be left',
      });
    }
  });

const StrategyRow = z.strictObject({
  contention: anyOf(Contention, Contention.options),
  priority: anyOf(Priority, Priority.options),
  strategy: Strategy,
});
export type StrategyRow = z.infer<typeof StrategyRow>;

const PolicyDocument = z.strictObject({
  version: z.literal(1, { error: 'the only version of the policy language is 1: write version: 1' }),
  priorities: z.strictObject({ default: Priority, rules: z.array(PriorityRule).default([]) }),
  limits: z.strictObject({ default: Limits, hosts: z.record(Text, Limits).default({}) }),
  contention: ContentionLevels,
  clusters: z.strictObject({ idle: Share }),
  technique: TechniqueRule,
  strategy: z.array(StrategyRow).superRefine(total({ contention: Contention.options, priority: Priority.options })),
  batchWindow: Duration,
  maxWait: Duration.refine((ms) => ms > 0, {
    error: 'maxWait must be longer than 0, or everything overtakes everything',
  }),
  caps: z.strictObject({
    parallelPerLink: z.number({ error: 'is not a whole number above 0' }).int('is not a whole number').min(1).max(1000),
  }),
  downtime: Duration.refine((ms) => ms >= 1 && ms <= 2_000_000, {
    error: 'QEMU takes a downtime limit of 1 ms to 2000 s',
  }),
  stale: z.strictObject({ technique: Technique, strategy: Strategy, maxAge: Duration }),
  floor: Bandwidth.refine((amount) => (amount.kind === 'rate' ? amount.bitsPerSecond : amount.fraction) > 0, {
    error: 'a floor of 0 lets a low-priority migration run for ever: write at least 1 %',
  }),
  strict: z.boolean({ error: 'write true or false' }).default(false),
  postCopyGate: z.strictObject({ linkLostWithin: Duration }),
});

/** A policy file's content, checked, in plain numbers: shares 0-1, times in ms. */
export const PolicyContent = PolicyDocument.transform((document) => {
  const { version, batchWindow, maxWait, downtime, stale, postCopyGate, ...rest } = document;
  return {
    ...rest,
    batchWindowMs: batchWindow,
    maxWaitMs: maxWait,
    downtimeMs: downtime,
    stale: { technique: stale.technique, strategy: stale.strategy, maxAgeMs: stale.maxAge },
    postCopyGate: { linkLostWithinMs: postCopyGate.linkLostWithin },
  };
});

/** `id` is the file's name and the hash of its content, e.g. `seed.yaml@3f9c2b1a`. */
export type Policy = z.infer<typeof PolicyContent> & { id: string };
