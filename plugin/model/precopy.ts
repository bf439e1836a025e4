import { dirtiedBytes, dirtyCurve } from './dirty.ts';
import { type MigrationFeatures, type ModelParameters, streamBytes } from './features.ts';
import type { Figures } from './figures.ts';
import { phaseRates } from './share.ts';

/** QEMU looks at what is pending after each burst (migration/ram.c, MAX_WAIT). */
export const BURST_SECONDS = 0.05;
/** Rounds in which this share of what is sent is dirtied anew do not lead anywhere. */
const STANDSTILL = 0.995;
const MOST_ROUNDS = 1000;

/**
 * Rounds of a pre-copy as QEMU makes them: it sends what is pending until the estimate falls below bandwidth × downtime
 * limit, then asks the kernel what was dirtied meanwhile; if the sum still lies below, it stops the guest and sends it,
 * else that is the next round (migration/migration.c, migration_iteration_run and migration_update_counters).
 */
export interface Rounds {
  /** Until the guest is stopped. */
  seconds: number;
  /** Sent until then. */
  bytes: number;
  rounds: number;
  /** What is left for the blackout. */
  pendingBytes: number;
  converges: boolean;
}

/**
 * Memory 256 MB at 50 MB/s, limit 300 ms (threshold 15 MB), one dirty window:
 *
 * | dirty MB/s | rounds | pending at the end, MB | seconds |
 * |------------|--------|------------------------|---------|
 * | 0          | 1      | 13.8                   | 4.8     |
 * | 20         | 6      | 14.7                   | 8.0     |
 * | 40         | 24     | 14.9                   | 24.1    |
 * | 50         | never  |                        |         |
 */
export function rounds(
  pendingBytes: number,
  bytesPerSecond: number,
  limitMs: number,
  dirtied: (seconds: number) => number,
): Rounds {
  const threshold = (bytesPerSecond * limitMs) / 1000;
  const leave = Math.max(0, threshold - (bytesPerSecond * BURST_SECONDS) / 2);
  let pending = pendingBytes;
  let bytes = 0;
  let count = 0;
  while (count < MOST_ROUNDS) {
    count += 1;
    const sent = Math.max(pending - leave, bytesPerSecond * BURST_SECONDS * 0.5);
    bytes += Math.min(sent, pending);
    const next = Math.max(0, pending - sent) + dirtied(sent / bytesPerSecond);
    if (next < threshold || next === 0) {
      return { seconds: bytes / bytesPerSecond, bytes, rounds: count, pendingBytes: next, converges: true };
    }
    if (next - leave >= STANDSTILL * sent) break;
    pending = next;
  }
  return { seconds: bytes / bytesPerSecond, bytes, rounds: count, pendingBytes: pending, converges: false };
}

/** Pre-copy: the guest stays on the source until nearly all is sent. */
export function preCopy(features: MigrationFeatures, parameters: ModelParameters): Figures {
  const rates = phaseRates(features, parameters, 'source');
  const curve = dirtyCurve(features, parameters);
  const { vm, timeoutMs, downtimeLimitMs } = features;
  const run = rounds(streamBytes(features), rates.streamBytesPerSecond, downtimeLimitMs, (seconds) =>
    dirtiedBytes(curve, seconds),
  );
  const downtimeMs = (1000 * run.pendingBytes) / rates.streamBytesPerSecond + parameters.deviceMs;
  const wholeMs = run.converges ? parameters.setupMs + 1000 * run.seconds + downtimeMs : Number.POSITIVE_INFINITY;
  const ends = timeoutMs !== null && wholeMs > timeoutMs ? 'timeout' : run.converges ? 'completed' : 'never';
  const totalMs = ends === 'timeout' ? (timeoutMs ?? wholeMs) : wholeMs;
  const done = ends === 'completed';
  const longestStallMs = done ? downtimeMs + parameters.announceMs : ends === 'timeout' ? 0 : Number.POSITIVE_INFINITY;
  const seconds = totalMs / 1000;
  return {
    totalMigrationTimeMs: totalMs,
    downtimeMs: done ? downtimeMs : ends === 'timeout' ? 0 : Number.POSITIVE_INFINITY,
    longestStallMs,
    bytes: done ? run.bytes + run.pendingBytes : rates.streamBytesPerSecond * seconds,
    iterations: run.rounds,
    lostBits: {
      sourceTx: over(rates.lostSourceTxBitsPerSecond, seconds),
      destinationRx: over(rates.lostDestinationRxBitsPerSecond, seconds),
      vm: over(vm.txBitsPerSecond + vm.rxBitsPerSecond, longestStallMs / 1000),
    },
    ends,
  };
}

/** Rate × time, where nothing for ever is nothing. */
export function over(perSecond: number, seconds: number): number {
  return perSecond === 0 ? 0 : perSecond * seconds;
}
