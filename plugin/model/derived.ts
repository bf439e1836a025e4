/** Intervals of figures that are not measured of finished migrations: they follow from those that are. */
import type { Technique } from '../contract.ts';
import { DEFAULT_PARAMETERS, type MigrationFeatures, type ModelParameters } from './features.ts';
import { type Figures, over } from './figures.ts';
import type { Estimate, Spread } from './interval.ts';
import { predictOne } from './predict.ts';

interface Run {
  model: Figures;
  /** Of the total migration time. */
  spread: Spread;
  parameters?: ModelParameters | undefined;
}

/**
 * Passes over the memory: how many the model makes with a stream that is as much faster or slower as the total migration
 * time may be shorter or longer. A slower one sends more of what is dirtied meanwhile again, and may never come to an end.
 *
 * A guest that dirties 40 MB/s of 256 MB, stream of 50 MB/s, times from 0.5 to 1.8: 24 passes, 4 to without end.
 */
export function iterationsWithin(
  technique: Technique,
  features: MigrationFeatures,
  { model, spread, parameters = DEFAULT_PARAMETERS }: Run,
): Estimate {
  const value = model.iterations;
  if (model.ends === 'never') return { value, low: value, high: Number.POSITIVE_INFINITY };
  if (model.ends === 'timeout') return { value, low: value, high: value };
  const passes = (logTime: number) => {
    const goodput = parameters.goodput / Math.exp(logTime);
    const run = predictOne(technique, features, { ...parameters, goodput });
    return run.ends === 'never' ? Number.POSITIVE_INFINITY : run.iterations;
  };
  return { value, low: Math.min(value, passes(spread.low)), high: Math.max(value, passes(spread.high)) };
}

type Measured = Record<'totalMigrationTimeMs' | 'downtimeMs' | 'longestStallMs', Estimate>;

/**
 * What workload traffic does not get. On the links it is lost as long as the stream is there, so as the total migration
 * time may be shorter or longer. Of the guest's own it is at least what its blackout takes: whether what comes for it while
 * it waits for pages is lost is up to the sender (TCP slows down, UDP keeps coming); at most as its stall may be longer.
 */
export function lossWithin(
  features: MigrationFeatures,
  model: Figures,
  measured: Measured,
): Record<keyof Figures['lostBits'], Estimate> {
  const { totalMigrationTimeMs: time, downtimeMs, longestStallMs: stall } = measured;
  const { sourceTx, destinationRx, vm } = model.lostBits;
  if (model.ends !== 'completed')
    return { sourceTx: exactly(sourceTx), destinationRx: exactly(destinationRx), vm: exactly(vm) };
  const stretch = time.value / model.totalMigrationTimeMs;
  const onLink = (bits: number): Estimate => ({
    value: bits * stretch,
    low: (bits * time.low) / model.totalMigrationTimeMs,
    high: (bits * time.high) / model.totalMigrationTimeMs,
  });
  const value = vm * stretch;
  const inBlackout = over(features.vm.txBitsPerSecond + features.vm.rxBitsPerSecond, downtimeMs.low / 1000);
  const high = stall.value > 0 ? (value * stall.high) / stall.value : value;
  return {
    sourceTx: onLink(sourceTx),
    destinationRx: onLink(destinationRx),
    vm: { value, low: Math.min(value, inBlackout), high },
  };
}

function exactly(value: number): Estimate {
  return { value, low: value, high: value };
}
