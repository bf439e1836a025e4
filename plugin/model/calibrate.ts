import { z } from 'zod';
import { Technique } from '../contract.ts';
import { type Correction, correctionOf, misfit, type Point } from './correction.ts';
import { iterationsWithin, lossWithin } from './derived.ts';
import { DEFAULT_PARAMETERS, MigrationFeatures, type ModelParameters } from './features.ts';
import type { Figures } from './figures.ts';
import { around, type Estimate, median, PRIORS } from './interval.ts';
import { predictOne, TECHNIQUES } from './predict.ts';
import { VARIANTS } from './variants.ts';

/**
 * What is calibrated. The longest stall is measured in the lab only, by a ping from outside: on a cloud nobody tells it
 * (QEMU's `postcopy-blocktime` is a capability that libvirt does not know; hostd/contract.ts, `longestPageFaultMs`), so that
 * there its figure stays the model's and its interval that of the lab (interval.ts, `PRIORS`).
 */
export const MEASURED = ['totalMigrationTimeMs', 'downtimeMs', 'longestStallMs', 'bytes'] as const;
export type Measured = (typeof MEASURED)[number];

const FinishedMigration = z.object({
  technique: Technique,
  source: z.string(),
  destination: z.string(),
  features: MigrationFeatures,
  /** What could be measured of it. */
  observed: z.partialRecord(z.enum(MEASURED), z.number().positive()),
});
/** A migration that has completed: one that was aborted says nothing of how long it takes. */
export type FinishedMigration = z.infer<typeof FinishedMigration>;

const Remembered = FinishedMigration.extend({
  /** Log of observed / estimate, with the calibration as it was before this migration counted. */
  surprise: z.partialRecord(z.enum(MEASURED), z.number()),
});
type Remembered = z.infer<typeof Remembered>;

/**
 * Plain JSON, for the store. `finished`: oldest first. `variant`: which of the model's variants holds, by technique.
 * `contentShare`: how much of what may hold content does, for all of them (features.ts).
 */
export const Calibration = z.object({
  version: z.literal(1),
  variant: z.partialRecord(Technique, z.number().int().nonnegative()),
  contentShare: z.number().positive().max(1).default(1),
  finished: z.array(Remembered),
});
export type Calibration = z.infer<typeof Calibration>;

export const UNCALIBRATED: Calibration = { version: 1, variant: {}, contentShare: 1, finished: [] };

/** Remembered of each technique. */
const MOST_REMEMBERED = 400;
/** Variant and content are looked at again after so many of a technique. */
const REVIEW_EVERY = 10;
/** A variant other than the first must explain this much more (in log units), the more the less is known. */
const LOYALTY = 0.2;
/** A guest without any content has its kernel still. */
const LEAST_CONTENT = 0.05;

/** The calibration with one more finished migration. Pure. */
export function learn(calibration: Calibration, migration: FinishedMigration): Calibration {
  const { technique, features, observed } = migration;
  const estimates = correctorOf(calibration).estimate(migration, features);
  const surprise: Remembered['surprise'] = {};
  for (const name of MEASURED) {
    const outcome = observed[name];
    const { value } = estimates[name];
    if (outcome !== undefined && value > 0 && Number.isFinite(value)) surprise[name] = Math.log(outcome / value);
  }
  const all = [...calibration.finished, { ...migration, surprise }];
  const mine = all.filter((each) => each.technique === technique);
  const forgotten = mine.length > MOST_REMEMBERED ? mine[0] : undefined;
  const finished = all.filter((each) => each !== forgotten);
  if (mine.length % REVIEW_EVERY !== 0) return { ...calibration, finished };
  const contentShare = contentShareOf(finished, calibration.variant);
  const variant = { ...calibration.variant, [technique]: bestVariant(mine, contentShare) };
  return { version: 1, variant, contentShare, finished };
}

/**
 * What was carried against what would have been if all memory held content. The median: most guests dirty little of theirs
 * while they move, and what is dirtied is counted in both.
 */
function contentShareOf(finished: readonly FinishedMigration[], variant: Calibration['variant']): number {
  const shares = TECHNIQUES.flatMap((technique) => {
    const mine = finished.filter((each) => each.technique === technique);
    const points = pointsOf(mine, 'bytes', parametersOf(variant[technique] ?? 0, 1));
    return points.flatMap(({ predicted, observed }) => (Number.isFinite(predicted) ? [observed / predicted] : []));
  });
  return shares.length === 0 ? 1 : Math.min(1, Math.max(LEAST_CONTENT, median(shares)));
}

function bestVariant(mine: readonly Remembered[], contentShare: number): number {
  // Where no time was measured no variant explains anything.
  if (mine.every(({ observed }) => observed.totalMigrationTimeMs === undefined)) return 0;
  const cost = VARIANTS.map((_, variant) => {
    const loyalty = variant === 0 ? 0 : LOYALTY / mine.length;
    return misfit(pointsOf(mine, 'totalMigrationTimeMs', parametersOf(variant, contentShare))) + loyalty;
  });
  return cost.indexOf(Math.min(...cost));
}

function parametersOf(variant: number, contentShare: number): ModelParameters {
  return { ...(VARIANTS[variant] ?? DEFAULT_PARAMETERS), contentShare };
}

/** A prediction with what is known of this cloud: the calibrated figures lie in their intervals nine times of ten. */
export interface Estimates extends Record<Measured, Estimate> {
  technique: Technique;
  /** Whole numbers. */
  iterations: Estimate;
  lostBits: Record<keyof Figures['lostBits'], Estimate>;
  ends: Figures['ends'];
}

export interface Corrector {
  estimate(
    migration: Pick<FinishedMigration, 'technique' | 'source' | 'destination'>,
    features: MigrationFeatures,
  ): Estimates;
}

const correctors = new WeakMap<Calibration, Corrector>();

/** What the finished migrations say of the next one (correction.ts). Made once for each calibration. */
export function correctorOf(calibration: Calibration): Corrector {
  const made = correctors.get(calibration) ?? makeCorrector(calibration);
  correctors.set(calibration, made);
  return made;
}

function makeCorrector({ finished, variant, contentShare }: Calibration): Corrector {
  const parameters = (technique: Technique) => parametersOf(variant[technique] ?? 0, contentShare);
  const known = new Map<string, Correction>();
  const correction = (technique: Technique, name: Measured): Correction => {
    const key = `${technique} ${name}`;
    const mine = () => finished.filter((each) => each.technique === technique);
    const errors = () => mine().flatMap(({ surprise }) => surprise[name] ?? []);
    const found = known.get(key) ?? correctionOf(pointsOf(mine(), name, parameters(technique)), errors(), PRIORS[name]);
    known.set(key, found);
    return found;
  };
  return {
    estimate(migration, features) {
      const { technique } = migration;
      const model = predictOne(technique, features, parameters(technique));
      const estimate = (name: Measured): Estimate => {
        const predicted = model[name];
        // One that does not end, or that Nova aborts, is as the model says: nothing was learned of such.
        if (model.ends !== 'completed' || predicted <= 0) return { value: predicted, low: predicted, high: predicted };
        const { line, pairs, spread } = correction(technique, name);
        return around(line(predicted) * (pairs.get(pairOf(migration)) ?? 1), spread);
      };
      const measured = {
        totalMigrationTimeMs: estimate('totalMigrationTimeMs'),
        downtimeMs: estimate('downtimeMs'),
        longestStallMs: estimate('longestStallMs'),
        bytes: estimate('bytes'),
      };
      const { spread } = correction(technique, 'totalMigrationTimeMs');
      return {
        technique,
        ...measured,
        iterations: iterationsWithin(technique, features, { model, spread, parameters: parameters(technique) }),
        lostBits: lossWithin(features, model, measured),
        ends: model.ends,
      };
    },
  };
}

const predictions = new WeakMap<MigrationFeatures, Map<string, Figures>>();

/** What the model says of migrations that have finished; worked out once for each. */
function pointsOf(mine: readonly FinishedMigration[], name: Measured, parameters: ModelParameters): Point[] {
  const { dirtyFactor, reverseLoss, contentShare } = parameters;
  return mine.flatMap((each): Point[] => {
    const observed = each.observed[name];
    if (observed === undefined) return [];
    const known = predictions.get(each.features) ?? new Map<string, Figures>();
    predictions.set(each.features, known);
    const key = [each.technique, dirtyFactor, reverseLoss, contentShare].join(' ');
    const figures = known.get(key) ?? predictOne(each.technique, each.features, parameters);
    known.set(key, figures);
    // A blackout of 0 is what an aborted migration has.
    const predicted = figures.ends === 'timeout' ? Number.POSITIVE_INFINITY : figures[name];
    return [{ pair: pairOf(each), predicted, observed }];
  });
}

function pairOf({ source, destination }: Pick<FinishedMigration, 'source' | 'destination'>): string {
  return JSON.stringify([source, destination]);
}
