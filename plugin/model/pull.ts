import type { MigrationFeatures, ModelParameters } from './features.ts';
import { type Figures, over } from './figures.ts';
import { phaseRates } from './share.ts';

/** The guest stops here: what has been done until then. */
export interface Switch {
  /** Since the first page. */
  seconds: number;
  sentBytes: number;
  /** Bytes of pages that the destination lacks, of `allBytes`. */
  missingBytes: number;
  allBytes: number;
  /** Passes over the memory until then. */
  passes: number;
}

/** A migration from its switch on: the blackout, then each page that is missing once, from the background or asked for. */
export function pull(features: MigrationFeatures, parameters: ModelParameters, at: Switch): Figures {
  const { vm } = features;
  const missing = at.allBytes > 0 ? at.missingBytes / at.allBytes : 0;
  const before = phaseRates(features, parameters, 'source');
  const after = phaseRates(features, parameters, 'destination', 1 - parameters.faultSlowdown * missing);
  const downtimeMs = parameters.deviceMs;
  const pullSeconds = at.missingBytes / after.streamBytesPerSecond;
  const stall = parameters.faultChain * missing * (parameters.faultQueueBytes / after.streamBytesPerSecond);
  const stallSeconds = (downtimeMs + parameters.announceMs) / 1000 + Math.min(pullSeconds, stall);
  const slowed = parameters.faultSlowdown * missing * Math.max(0, pullSeconds - stallSeconds);
  return {
    totalMigrationTimeMs: parameters.setupMs + 1000 * at.seconds + downtimeMs + 1000 * pullSeconds,
    downtimeMs,
    longestStallMs: 1000 * stallSeconds,
    bytes: at.sentBytes + at.missingBytes,
    iterations: at.passes + 1,
    lostBits: {
      sourceTx: over(before.lostSourceTxBitsPerSecond, at.seconds) + over(after.lostSourceTxBitsPerSecond, pullSeconds),
      destinationRx:
        over(before.lostDestinationRxBitsPerSecond, at.seconds) +
        over(after.lostDestinationRxBitsPerSecond, pullSeconds),
      vm: over(vm.txBitsPerSecond + vm.rxBitsPerSecond, stallSeconds + slowed),
    },
    ends: 'completed',
  };
}
