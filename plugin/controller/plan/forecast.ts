import { type Decision, type Prediction, Technique } from '../../contract.ts';
import { correctorOf, type Estimates, UNCALIBRATED } from '../../model/calibrate.ts';
import type { MigrationFeatures } from '../../model/features.ts';
import type { Policy } from '../../policy/schema.ts';
import { featuresOf } from './features.ts';
import type { QueuedMigration, World } from './world.ts';

export interface Forecast {
  features: MigrationFeatures;
  /** One for each technique. */
  estimates: readonly Estimates[];
}

/** All three techniques for this migration as the hosts are now, or null where the samples do not carry a prediction. */
export function forecast(
  world: World,
  policy: Policy,
  migration: QueuedMigration,
  reservation: Decision['reservation'],
): Forecast | null {
  const measured = featuresOf(world, policy, migration, reservation);
  if (!measured) return null;
  const corrector = correctorOf(world.calibration ?? UNCALIBRATED);
  const { features, destination } = measured;
  const estimates = Technique.options.map((technique) =>
    corrector.estimate({ technique, source: migration.source, destination }, features),
  );
  return { features, estimates };
}

export function predictionFor(of: Forecast | null, technique: Technique): Prediction | null {
  const estimates = of?.estimates.find((each) => each.technique === technique);
  return estimates ? predictionOf(estimates) : null;
}

/** As the contract tells it: null instead of what never comes. */
export function predictionOf(estimates: Estimates): Prediction {
  const number = (value: number) => (Number.isFinite(value) ? value : null);
  const figure = ({ value, low, high }: Estimates['bytes']) => ({
    value: number(value),
    low: number(low),
    high: number(high),
  });
  const { iterations } = estimates;
  const { sourceTx, destinationRx, vm } = estimates.lostBits;
  const between = ({ low, high }: Estimates['bytes']) => ({ low: number(low), high: number(high) });
  return {
    totalMigrationTimeMs: figure(estimates.totalMigrationTimeMs),
    downtimeMs: figure(estimates.downtimeMs),
    longestStallMs: figure(estimates.longestStallMs),
    bytes: figure(estimates.bytes),
    iterations: iterations.value,
    iterationsBetween: between(iterations),
    lostBits: { sourceTx: number(sourceTx.value), destinationRx: number(destinationRx.value), vm: number(vm.value) },
    lostBitsBetween: { sourceTx: between(sourceTx), destinationRx: between(destinationRx), vm: between(vm) },
    ends: estimates.ends,
  };
}
