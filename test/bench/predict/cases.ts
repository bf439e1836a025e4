/** Executed migrations as cases of the prediction. */
import type { MigrationFeatures } from '../../../plugin/model/features.ts';
import type { Case } from './evaluate.ts';
import type { ExecutedMigration } from './grid5000.ts';

const MEBI = 2 ** 20;
/** QEMU's default then. */
const DOWNTIME_LIMIT_MS = 300;
/** The dirty curve told in words, as hostd would have measured it. */
const LONGER_WINDOWS_SECONDS = [10, 30];

export function classOf({ bandwidthBitsPerSecond, memoryMebibytes }: ExecutedMigration): string {
  return `${bandwidthBitsPerSecond / 1e6} Mbit/s, ${memoryMebibytes} MB`;
}

export function caseOf(migration: ExecutedMigration, fold: string): Case {
  const { source, destination, observedSeconds } = migration;
  return {
    technique: 'pre-copy',
    source,
    destination,
    features: featuresOf(migration),
    observed: { totalMigrationTimeMs: 1000 * observedSeconds },
    fold,
  };
}

function featuresOf(migration: ExecutedMigration): MigrationFeatures {
  const { bandwidthBitsPerSecond, hotMebibytes, hotSeconds, coldMebibytesPerSecond, memoryMebibytes } = migration;
  const link = {
    capacityBitsPerSecond: bandwidthBitsPerSecond,
    workloadBitsPerSecond: 0,
    reservation: null,
    otherMigrations: 0,
  };
  return {
    memoryBytes: memoryMebibytes * MEBI,
    usedBytes: null,
    dirtyWindows: [hotSeconds, ...LONGER_WINDOWS_SECONDS].map((seconds) => ({
      windowMs: 1000 * seconds,
      bytesPerSecond: ((hotMebibytes + coldMebibytesPerSecond * (seconds - hotSeconds)) * MEBI) / seconds,
    })),
    sourceTx: link,
    destinationRx: link,
    reverseUtilisation: migration.reverseUtilisation,
    vm: { txBitsPerSecond: 0, rxBitsPerSecond: 0 },
    downtimeLimitMs: DOWNTIME_LIMIT_MS,
    timeoutMs: null,
    timeoutAction: 'abort',
    streamLimitBitsPerSecond: null,
  };
}

/** The literature's formulas, seconds; B in MB/s, D the cold dirty rate. */
export const LITERATURE: readonly { name: string; seconds: (migration: ExecutedMigration) => number }[] = [
  { name: 'memory / B', seconds: (each) => each.memoryMebibytes / bandwidth(each) },
  {
    name: 'memory / (B − D)',
    seconds: (each) => each.memoryMebibytes / (bandwidth(each) - each.coldMebibytesPerSecond),
  },
  { name: "the plan's own", seconds: (each) => each.plannedSeconds },
];

function bandwidth({ bandwidthBitsPerSecond }: ExecutedMigration): number {
  return bandwidthBitsPerSecond / 8e6;
}
