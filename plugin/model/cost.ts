import type { PredictWeights } from '../policy/schema/technique.ts';
import type { Estimates } from './calibrate.ts';
import type { MigrationFeatures } from './features.ts';

/**
 * What a technique costs a priority, in seconds of total migration time (policy/schema/technique.ts has the formula and
 * a worked table). What is weighed with 0 costs nothing, even if it would never end.
 */
export function costSeconds(
  estimates: Pick<Estimates, 'totalMigrationTimeMs' | 'downtimeMs' | 'longestStallMs' | 'bytes' | 'lostBits'>,
  weights: PredictWeights,
  { sourceTx, destinationRx }: Pick<MigrationFeatures, 'sourceTx' | 'destinationRx'>,
): number {
  const link = Math.min(sourceTx.capacityBitsPerSecond, destinationRx.capacityBitsPerSecond);
  const { lostBits } = estimates;
  const lost = lostBits.sourceTx.value + lostBits.destinationRx.value + lostBits.vm.value;
  return (
    weigh(weights.time, estimates.totalMigrationTimeMs.value / 1000) +
    weigh(weights.downtime, estimates.downtimeMs.value / 1000) +
    weigh(weights.stall, estimates.longestStallMs.value / 1000) +
    weigh(weights.workloadLoss, lost / link) +
    weigh(weights.bytes, (8 * estimates.bytes.value) / link)
  );
}

function weigh(weight: number, seconds: number): number {
  return weight === 0 ? 0 : weight * seconds;
}
