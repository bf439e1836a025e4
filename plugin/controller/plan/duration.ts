import type { Decision, Prediction } from '../../contract.ts';
import { NOVA_BEFORE_QEMU_MS } from '../../model/deadline.ts';
import type { LinkFeatures, MigrationFeatures } from '../../model/features.ts';
import { PRIORS } from '../../model/interval.ts';
import { shareLink } from '../../model/share.ts';
import type { InFlightMigration, QueuedMigration } from './world.ts';

/** What a migration still takes at a rate, and what that lies between, as factors. */
export interface Duration {
  /** From now (or its start) to its end, ms; infinite: never. */
  remainingMs: (bitsPerSecond: number) => number;
  low: number;
  high: number;
}

/** Nova's own work when QEMU is done, and the least that one is given that should have ended. */
const LEAST_LEFT_MS = 1000;
/** One that takes longer than predicted is given so much more of what it took. */
const OVERDUE_SHARE = 0.1;

/** A stream of `workBits` at the rate r runs with `share` x r, less what is dirtied meanwhile. */
interface Stream {
  workBits: number;
  /** With what is sent again. */
  allBits: number;
  share: number;
  dirtyBitsPerSecond: number;
  low: number;
  high: number;
}

/** All of a migration that waits, Nova's work before QEMU's included. */
export function durationOf({ server }: QueuedMigration, decision: Decision): Duration {
  const stream = streamOf(decision, server.memoryBytes);
  return {
    remainingMs: (rate) => NOVA_BEFORE_QEMU_MS + streamMs(stream, rate),
    low: stream.low,
    high: stream.high,
  };
}

/**
 * What is left of one that runs: of its predicted bytes what has not been sent, but no less than what QEMU says remains.
 * Where nobody sees the stream, what its prediction leaves of the time.
 *
 * Predicted 10 s and 500 MB, asked 4 s ago:
 *
 * | sent | remains | left of 10 s |
 * |------|---------|--------------|
 * | 100  | 400     | 80 %         |
 * | 480  | 20      | 4 %          |
 * | 480  | 100     | 20 %         |
 * | nobody sees it |  | 6 s + 1 s of Nova's |
 */
export function durationLeft(nowMs: number, migration: InFlightMigration): Duration {
  const { decision, server, stream: seen, submittedAtMs } = migration;
  const stream = streamOf(decision, server?.memoryBytes ?? 0);
  const elapsedMs = Math.max(0, nowMs - (submittedAtMs ?? nowMs));
  const { low, high } = stream;
  const bytes = stream.allBits / 8;
  const left = seen && bytes > 0 ? Math.max(bytes - seen.transferredBytes, seen.remainingBytes) / bytes : null;
  const remainingMs = (rate: number) => {
    const wholeMs = streamMs(stream, rate);
    if (wholeMs === Number.POSITIVE_INFINITY) return wholeMs;
    const leftMs = left === null ? NOVA_BEFORE_QEMU_MS + wholeMs - elapsedMs : left * wholeMs;
    return Math.max(LEAST_LEFT_MS, leftMs, left === null ? OVERDUE_SHARE * elapsedMs : 0);
  };
  return { remainingMs, low, high };
}

/** What a stream is without a prediction: one pass over the memory, with the spread that is assumed before anything is known. */
function streamOf(decision: Decision | null, memoryBytes: number): Stream {
  const { prediction = null, features = null } = decision ?? {};
  if (prediction && features) return predictedStream(decision?.technique ?? 'pre-copy', prediction, features);
  const { low, high } = PRIORS.totalMigrationTimeMs;
  const bits = 8 * memoryBytes;
  return { workBits: bits, allBits: bits, share: 1, dirtyBitsPerSecond: 0, low: Math.exp(low), high: Math.exp(high) };
}

/**
 * A prediction is made for the rate that is free then. From its bytes and its time follows what share of a rate the
 * stream gets and, in pre-copy, what is dirtied and sent again; so it can be told for every other rate.
 */
function predictedStream(technique: string, prediction: Prediction, features: MigrationFeatures): Stream {
  const { value, low, high } = prediction.totalMigrationTimeMs;
  const bytes = prediction.bytes.value;
  if (value === null || bytes === null || !(value > 0) || !(bytes > 0)) {
    const bits = Number.POSITIVE_INFINITY;
    return { workBits: bits, allBits: bits, share: 1, dirtyBitsPerSecond: 0, low: 1, high: 1 };
  }
  const bits = 8 * bytes;
  const once = technique === 'pre-copy' ? Math.min(bits, 8 * (features.usedBytes ?? features.memoryBytes)) : bits;
  const seconds = value / 1000;
  const free = Math.min(freeOn(features.sourceTx), freeOn(features.destinationRx));
  return {
    workBits: once,
    allBits: bits,
    share: bits / seconds / Math.max(1, free),
    dirtyBitsPerSecond: (bits - once) / seconds,
    low: (low ?? value) / value,
    high: high === null ? Number.POSITIVE_INFINITY : high / value,
  };
}

function freeOn({ capacityBitsPerSecond: all, workloadBitsPerSecond, reservation, otherMigrations }: LinkFeatures) {
  const demand = { migrationBitsPerSecond: all, workloadBitsPerSecond };
  return shareLink(all, reservation, demand).migrationBitsPerSecond / (1 + otherMigrations);
}

function streamMs({ workBits, share, dirtyBitsPerSecond }: Stream, bitsPerSecond: number): number {
  const rate = share * bitsPerSecond - dirtyBitsPerSecond;
  // Without a memory nothing is known.
  return rate > 0 && workBits > 0 ? (1000 * workBits) / rate : Number.POSITIVE_INFINITY;
}
