import { blackoutMs } from './blackout.ts';
import { dirtiedBytes, dirtyCurve } from './dirty.ts';
import { type MigrationFeatures, type ModelParameters, streamBytes } from './features.ts';
import { type Figures, over } from './figures.ts';
import { pull } from './pull.ts';
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
 * `untilSeconds`: then it is cut off. Memory 256 MB at 50 MB/s, limit 300 ms (threshold 15 MB), one dirty window:
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
  untilSeconds = Number.POSITIVE_INFINITY,
): Rounds {
  const threshold = (bytesPerSecond * limitMs) / 1000;
  const leave = Math.max(0, threshold - (bytesPerSecond * BURST_SECONDS) / 2);
  let pending = pendingBytes;
  let bytes = 0;
  let count = 0;
  while (count < MOST_ROUNDS) {
    count += 1;
    const sent = Math.max(pending - leave, bytesPerSecond * BURST_SECONDS * 0.5);
    const restSeconds = untilSeconds - bytes / bytesPerSecond;
    if (sent / bytesPerSecond > restSeconds) {
      pending = Math.max(0, pending - restSeconds * bytesPerSecond) + dirtied(restSeconds);
      break;
    }
    bytes += Math.min(sent, pending);
    const next = Math.max(0, pending - sent) + dirtied(sent / bytesPerSecond);
    if (next < threshold || next === 0) {
      return { seconds: bytes / bytesPerSecond, bytes, rounds: count, pendingBytes: next, converges: true };
    }
    if (next - leave >= STANDSTILL * sent) break;
    pending = next;
  }
  // What stands still stays as it is until then.
  const seconds = Number.isFinite(untilSeconds) ? untilSeconds : bytes / bytesPerSecond;
  const left = Math.min(pending, pendingBytes);
  return { seconds, bytes: seconds * bytesPerSecond, rounds: count, pendingBytes: left, converges: false };
}

/** Pre-copy: the guest stays on the source until nearly all is sent. */
export function preCopy(features: MigrationFeatures, parameters: ModelParameters): Figures {
  const { timeoutMs, downtimeLimitMs } = features;
  const { streamBytesPerSecond } = phaseRates(features, parameters, 'source');
  const curve = dirtyCurve(features, parameters);
  const dirtied = (seconds: number) => dirtiedBytes(curve, seconds);
  const all = streamBytes(features, parameters);
  const run = rounds(all, streamBytesPerSecond, downtimeLimitMs, dirtied);
  const done = run.converges ? completed(features, parameters, run) : null;
  if (timeoutMs === null || (done !== null && done.totalMigrationTimeMs <= timeoutMs)) {
    return done ?? ended(features, parameters, 'never', Number.POSITIVE_INFINITY, run.rounds);
  }
  const seconds = Math.max(0, timeoutMs - parameters.setupMs) / 1000;
  const cut = rounds(all, streamBytesPerSecond, downtimeLimitMs, dirtied, seconds);
  if (features.timeoutAction === 'abort') return ended(features, parameters, 'timeout', timeoutMs, cut.rounds);
  if (features.timeoutAction === 'pause' || cut.converges) return completed(features, parameters, cut);
  const { bytes: sentBytes, pendingBytes: missingBytes, rounds: passes } = cut;
  return pull(features, parameters, { seconds, sentBytes, missingBytes, allBytes: all, passes });
}

/** The guest stops after these rounds, and the rest follows while it stands still. */
function completed(features: MigrationFeatures, parameters: ModelParameters, run: Rounds): Figures {
  const downtimeMs = blackoutMs(features, parameters, run.pendingBytes);
  const totalMigrationTimeMs = parameters.setupMs + 1000 * run.seconds + downtimeMs;
  const longestStallMs = downtimeMs + parameters.announceMs;
  return {
    totalMigrationTimeMs,
    downtimeMs,
    longestStallMs,
    bytes: run.bytes + run.pendingBytes,
    iterations: run.rounds,
    lostBits: lostOnSource(features, parameters, totalMigrationTimeMs, longestStallMs),
    ends: 'completed',
  };
}

/** It did not come to a switch: Nova gave up, or it goes on for ever. */
function ended(
  features: MigrationFeatures,
  parameters: ModelParameters,
  ends: 'timeout' | 'never',
  totalMigrationTimeMs: number,
  iterations: number,
): Figures {
  const downtimeMs = ends === 'timeout' ? 0 : Number.POSITIVE_INFINITY;
  const { streamBytesPerSecond } = phaseRates(features, parameters, 'source');
  return {
    totalMigrationTimeMs,
    downtimeMs,
    longestStallMs: downtimeMs,
    bytes: (streamBytesPerSecond * totalMigrationTimeMs) / 1000,
    iterations,
    lostBits: lostOnSource(features, parameters, totalMigrationTimeMs, downtimeMs),
    ends,
  };
}

/** What workload traffic does not get while the guest is on the source, and the guest itself while it stands still. */
function lostOnSource(features: MigrationFeatures, parameters: ModelParameters, ms: number, stallMs: number) {
  const rates = phaseRates(features, parameters, 'source');
  const { txBitsPerSecond, rxBitsPerSecond } = features.vm;
  return {
    sourceTx: over(rates.lostSourceTxBitsPerSecond, ms / 1000),
    destinationRx: over(rates.lostDestinationRxBitsPerSecond, ms / 1000),
    vm: over(txBitsPerSecond + rxBitsPerSecond, stallMs / 1000),
  };
}
