import { predictOne } from '../../model/predict.ts';
import type { VmMemory } from './duration.ts';

/** QEMU's own default (migration/options.c, DEFAULT_MIGRATE_SET_DOWNTIME). */
const DOWNTIME_LIMIT_MS = 300;

/**
 * How long the plugin's own model lets a pre-copy take at a rate that is all its own, in whole seconds; infinite if its
 * rounds do not get shorter (model/precopy.ts). What mVM calls hot is the working set, what it calls cold comes on top.
 *
 * | MB | Mbit/s | hot MB in s | cold MB/s | s | mVM |
 * |---|---|---|---|---|---|
 * | 2000 | 1000 | 0 | 0 | 17 | 18 |
 * | 4000 | 1000 | 96 in 2 | 3 | 35 | 38 |
 */
export function droverSeconds(vm: VmMemory, mbitPerSecond: number): number {
  const link = {
    capacityBitsPerSecond: mbitPerSecond * 1e6,
    workloadBitsPerSecond: 0,
    reservation: null,
    otherMigrations: 0,
  };
  const { totalMigrationTimeMs } = predictOne('pre-copy', {
    memoryBytes: vm.memoryMegabytes * 1e6,
    usedBytes: null,
    dirtyWindows: windowsOf(vm),
    sourceTx: link,
    destinationRx: link,
    reverseUtilisation: 0,
    vm: { txBitsPerSecond: 0, rxBitsPerSecond: 0 },
    downtimeLimitMs: DOWNTIME_LIMIT_MS,
    timeoutMs: null,
    timeoutAction: 'abort',
    streamLimitBitsPerSecond: null,
  });
  return Math.max(1, Math.round(totalMigrationTimeMs / 1000));
}

/** What would have been measured: all hot pages in one window, and in a longer one nothing more than the cold. */
function windowsOf({ hotMegabytes, hotSeconds, coldMegabytesPerSecond: cold }: VmMemory) {
  const first = hotMegabytes > 0 ? hotSeconds : 1;
  return [first, 4 * first].map((seconds) => ({
    windowMs: 1000 * seconds,
    bytesPerSecond: 1e6 * (hotMegabytes / seconds + cold),
  }));
}
