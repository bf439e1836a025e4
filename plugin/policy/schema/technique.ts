import { z } from 'zod';
import { Cluster, Contention, Priority, Scenario, Technique } from '../../contract.ts';
import { Duration, Share } from '../units.ts';
import { across } from './across.ts';
import { anyOf, total } from './words.ts';

const TechniqueRow = z.strictObject({
  contention: anyOf(Contention, Contention.options),
  priority: anyOf(Priority, Priority.options),
  cluster: anyOf(Cluster, Cluster.options),
  scenario: anyOf(Scenario, Scenario.options),
  technique: Technique,
});
export type TechniqueRow = z.infer<typeof TechniqueRow>;

const Table = z.array(TechniqueRow).superRefine(
  ...total({
    contention: Contention.options,
    priority: Priority.options,
    cluster: Cluster.options,
    scenario: Scenario.options,
  }),
);

const Weight = z
  .number({ error: 'is not a number: a weight is a bare number, 0 or above' })
  .min(0, 'a weight below 0 would make harm a gain')
  .max(1e6, 'a weight of at most 1000000 is enough');

/**
 * What one priority pays for, in seconds of total migration time (TMT):
 *
 * cost = `time` TMT + `downtime` downtime + `stall` longest stall + `workloadLoss` (workload bits lost / link bit/s)
 *      + `bytes` (8 bytes sent / link bit/s), all times in seconds.
 *
 * | weights                        | TMT | downtime | longest stall | cost |
 * |--------------------------------|-----|----------|---------------|------|
 * | time 1, downtime 10            | 4 s | 100 ms   | 100 ms        | 5    |
 * | time 1, downtime 10, stall 2   | 3 s | 60 ms    | 1.5 s         | 6.6  |
 */
const Weights = z
  .strictObject({
    time: Weight.default(0),
    downtime: Weight.default(0),
    stall: Weight.default(0),
    workloadLoss: Weight.default(0),
    bytes: Weight.default(0),
  })
  .refine((weights) => Object.values(weights).some((weight) => weight > 0), {
    error: 'all weights are 0, so every technique costs the same: give one of them a value',
    when: ({ issues }) => issues.length === 0,
  });
export type PredictWeights = z.infer<typeof Weights>;

const Bound = Duration.refine((ms) => ms > 0, {
  error: 'no technique is without it, so that a bound of 0 says nothing: write a time, or delete this',
});

interface Bounds {
  maxDowntime?: number | undefined;
  maxStall?: number | undefined;
}

const Predict = z
  .strictObject({
    weights: z.strictObject({ high: Weights, medium: Weights, low: Weights }),
    /** Above these no technique is chosen while another one keeps them. */
    maxDowntime: Bound.optional(),
    maxStall: Bound.optional(),
    /** The share by which another technique must be cheaper than pre-copy to be chosen. */
    margin: Share.refine((fraction) => fraction < 1, {
      error: 'nothing is cheaper by all of it, so that pre-copy would always stay: write less, like 5 %',
    }).default(0),
  })
  .superRefine(
    ...across<Bounds>(({ maxDowntime, maxStall }, context) => {
      if (maxDowntime === undefined || maxStall === undefined || maxDowntime <= maxStall) return;
      const message =
        'is below maxDowntime, although the blackout is part of the longest stall: raise it or lower that';
      context.addIssue({ code: 'custom', path: ['maxStall'], message });
    }),
  );

/**
 * How the technique is chosen: by the first matching row of a table, or by predicted cost (`predict`). Limits are in
 * ms, null: none; `margin` is 0-1.
 */
export type TechniqueRule =
  | { kind: 'table'; rows: TechniqueRow[] }
  | {
      kind: 'predict';
      weights: Record<Priority, PredictWeights>;
      hardLimits: { downtimeMs: number | null; stallMs: number | null };
      margin: number;
    };

/** In YAML a list of rows, or `predict: { weights: …, maxDowntime: 500 ms, maxStall: 2 s, margin: 5 % }`. */
export const TechniqueRule = z
  .union([Table, z.strictObject({ predict: Predict })], { error: 'write a list of rows, or predict: { weights: … }' })
  .transform((rule): TechniqueRule => {
    if (Array.isArray(rule)) return { kind: 'table', rows: rule };
    const { weights, maxDowntime = null, maxStall = null, margin } = rule.predict;
    return { kind: 'predict', weights, hardLimits: { downtimeMs: maxDowntime, stallMs: maxStall }, margin };
  });
