import type { MigrationFeatures, ModelParameters } from './features.ts';
import { phaseRates } from './share.ts';

/**
 * How long the guest stands still: what is left of its memory and its device state go over, behind what stands in the
 * queues already. Its own traffic rests meanwhile, so that the stream has the links as they are without it.
 *
 * Stream of 50 MB/s without the guest's own traffic (device state 30 ms, 2 MB in the queues):
 *
 * | left   | ms  |
 * |--------|-----|
 * | 0      | 70  |
 * | 15 MB  | 370 |
 */
export function blackoutMs(features: MigrationFeatures, parameters: ModelParameters, pendingBytes: number): number {
  const { streamBytesPerSecond } = phaseRates(features, parameters, 'nowhere');
  return parameters.deviceMs + (1000 * (pendingBytes + parameters.queueBytes)) / streamBytesPerSecond;
}
