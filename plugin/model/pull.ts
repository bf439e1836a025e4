import { blackoutMs } from './blackout.ts';
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
  const missing = at.missingBytes / at.allBytes;
  const before = phaseRates(features, parameters, 'source');
  // While it waits for pages it takes up none of its own traffic.
  const waiting = phaseRates(features, parameters, 'destination', 0);
  const stallSeconds = Math.min(
    (parameters.faultChain * missing * parameters.queueBytes * (1 + parameters.crowding * waiting.crowding)) /
      waiting.streamBytesPerSecond,
    at.missingBytes / waiting.streamBytesPerSecond,
  );
  const silent = (parameters.silence * stallSeconds * waiting.streamBytesPerSecond) / at.missingBytes;
  const after = phaseRates(features, parameters, 'destination', at.missingBytes > 0 ? Math.max(0, 1 - silent) : 1);
  const pullSeconds = at.missingBytes / after.streamBytesPerSecond;
  const downtimeMs = blackoutMs(features, parameters, 0);
  const longestStallMs = downtimeMs + parameters.announceMs + 1000 * stallSeconds;
  const silentSeconds = Math.min(pullSeconds, parameters.silence * stallSeconds);
  return {
    totalMigrationTimeMs: parameters.setupMs + 1000 * at.seconds + downtimeMs + 1000 * pullSeconds,
    downtimeMs,
    longestStallMs,
    bytes: at.sentBytes + at.missingBytes,
    iterations: at.passes + 1,
    lostBits: {
      sourceTx: over(before.lostSourceTxBitsPerSecond, at.seconds) + over(after.lostSourceTxBitsPerSecond, pullSeconds),
      destinationRx:
        over(before.lostDestinationRxBitsPerSecond, at.seconds) +
        over(after.lostDestinationRxBitsPerSecond, pullSeconds),
      vm: over(
        vm.txBitsPerSecond + vm.rxBitsPerSecond,
        (longestStallMs - 1000 * stallSeconds) / 1000 + Math.max(stallSeconds, silentSeconds),
      ),
    },
    ends: 'completed',
  };
}
