import { z } from 'zod';
import { Contention, Priority, Strategy } from '../../contract.ts';
import { Share } from '../units.ts';
import { across } from './across.ts';
import { anyOf, total } from './words.ts';

/** Thresholds of contention on a link (0-1), and how far below one a level is left again. */
export const ContentionLevels = z.strictObject({ moderate: Share, high: Share, hysteresis: Share }).superRefine(
  ...across<{ moderate: number; high: number; hysteresis: number }>(({ moderate, high, hysteresis }, context) => {
    if (moderate === undefined) return;
    if (moderate === 0 || (high !== undefined && moderate >= high)) {
      context.addIssue({ code: 'custom', path: ['moderate'], message: 'moderate must lie above 0 % and below high' });
    } else if (hysteresis !== undefined && hysteresis >= Math.min(moderate, (high ?? Infinity) - moderate)) {
      context.addIssue({
        code: 'custom',
        path: ['hysteresis'],
        message: 'hysteresis must be smaller than moderate and than high - moderate, or a level could never be left',
      });
    }
  }),
);

const HIGHEST_IDLE = 0.5;
const FUZZY_DEFAULTS = { fuzzifier: 2, tolerance: 1e-5, maxIterations: 100 };

interface FuzzyKeys {
  fuzzifier?: number | undefined;
  tolerance?: number | undefined;
  maxIterations?: number | undefined;
}

/**
 * How VMs are told inbound, outbound or idle: by the larger of their rates (`threshold`), or by fuzzy c-means over
 * (tx, rx) of all VMs on the hosts concerned (Cui et al. 2020; tracker/cluster.ts). `fuzzy` null: threshold.
 */
export const Clusters = z
  .strictObject({
    /** Below this share of the link in both directions a VM (or a centroid) is idle. */
    idle: Share.refine((fraction) => fraction <= HIGHEST_IDLE, {
      error: 'a VM that fills so much of a link is not idle: write at most 50 %',
    }),
    method: z.enum(['threshold', 'fuzzy-c-means']).default('threshold'),
    /** m: 1 would be hard clusters; 2 is usual. */
    fuzzifier: z.number().gt(1, 'the fuzzifier must be above 1').max(10, 'the fuzzifier is at most 10').optional(),
    /** Ends when no membership (0-1) moves by more than this. */
    tolerance: z.number().gt(0, 'the tolerance must be above 0').lt(1, 'the tolerance must be below 1').optional(),
    maxIterations: z.number().int('is not a whole number').min(1).max(10_000).optional(),
  })
  .superRefine(
    ...across<FuzzyKeys & { method: string }>(({ method, fuzzifier, tolerance, maxIterations }, context) => {
      if (method !== 'threshold') return;
      for (const [key, value] of Object.entries({ fuzzifier, tolerance, maxIterations })) {
        if (value === undefined) continue;
        const message = 'says nothing without method: fuzzy-c-means: add that or delete this';
        context.addIssue({ code: 'custom', path: [key], message });
      }
    }),
  )
  .transform(({ idle, method, fuzzifier, tolerance, maxIterations }) => {
    if (method === 'threshold') return { idle, fuzzy: null };
    return {
      idle,
      fuzzy: {
        fuzzifier: fuzzifier ?? FUZZY_DEFAULTS.fuzzifier,
        tolerance: tolerance ?? FUZZY_DEFAULTS.tolerance,
        maxIterations: maxIterations ?? FUZZY_DEFAULTS.maxIterations,
      },
    };
  });

const StrategyRow = z.strictObject({
  contention: anyOf(Contention, Contention.options),
  priority: anyOf(Priority, Priority.options),
  strategy: Strategy,
});

/** Serial or parallel; rows are tried from the top. */
export const StrategyTable = z
  .array(StrategyRow)
  .superRefine(...total({ contention: Contention.options, priority: Priority.options }));
