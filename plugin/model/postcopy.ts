import { dirtiedBytes, dirtyCurve } from './dirty.ts';
import { type MigrationFeatures, type ModelParameters, streamBytes } from './features.ts';
import type { Figures } from './figures.ts';
import { over, preCopy, rounds } from './precopy.ts';
import { type PhaseRates, phaseRates } from './share.ts';

/** Post-copy: the guest goes first, after the little time that the switch takes; its memory follows. */
export function postCopy(features: MigrationFeatures, parameters: ModelParameters): Figures {
  return switched(features, parameters, 0);
}

/**
 * A migration that switches: `rounds` whole passes on the source (0 or 1), then what QEMU still sends until Nova has
 * passed the request on, then the blackout, then each page that is missing once, from the background or asked for.
 */
export function switched(features: MigrationFeatures, parameters: ModelParameters, passes: 0 | 1): Figures {
  const before = phaseRates(features, parameters, 'source');
  const curve = dirtyCurve(features, parameters);
  const all = streamBytes(features);
  const delaySeconds = parameters.switchDelayMs / 1000;

  const passSeconds = (passes * all) / before.streamBytesPerSecond;
  const sourceSeconds = passSeconds + delaySeconds;
  // QEMU ends it as a pre-copy if it converges before Nova's request comes.
  const early = rounds(all, before.streamBytesPerSecond, parameters.limitBeforeSwitchMs, (seconds) =>
    dirtiedBytes(curve, seconds),
  );
  if (early.converges && early.seconds <= sourceSeconds) {
    return preCopy({ ...features, downtimeLimitMs: parameters.limitBeforeSwitchMs }, parameters);
  }
  const pendingAfterPass = passes === 1 ? dirtiedBytes(curve, passSeconds) : all;
  const sentInDelay = Math.min(pendingAfterPass, before.streamBytesPerSecond * delaySeconds);
  const missing = Math.min(all, pendingAfterPass - sentInDelay + dirtiedBytes(curve, delaySeconds));
  const activity = 1 - parameters.faultSlowdown * (missing / all);
  const after = phaseRates(features, parameters, 'destination', activity);
  return finish(features, parameters, {
    before,
    after,
    missing,
    all,
    passes,
    sourceSeconds,
    sentBefore: passes * all + sentInDelay,
  });
}

interface Switch {
  before: PhaseRates;
  after: PhaseRates;
  /** Bytes of pages that the destination lacks at the switch, of `all`. */
  missing: number;
  all: number;
  passes: number;
  sourceSeconds: number;
  sentBefore: number;
}

function finish(features: MigrationFeatures, parameters: ModelParameters, at: Switch): Figures {
  const { vm, timeoutMs } = features;
  const downtimeMs = parameters.deviceMs;
  const pullSeconds = at.missing / at.after.streamBytesPerSecond;
  const stallSeconds =
    downtimeMs / 1000 + Math.min(pullSeconds, faultStall(at, parameters)) + parameters.announceMs / 1000;
  const wholeMs = parameters.setupMs + 1000 * at.sourceSeconds + downtimeMs + 1000 * pullSeconds;
  // Only before the switch can Nova give up: a migration in post-copy cannot be aborted.
  const timedOut = timeoutMs !== null && parameters.setupMs + 1000 * at.sourceSeconds > timeoutMs;
  const slowed = parameters.faultSlowdown * (at.missing / at.all) * Math.max(0, pullSeconds - stallSeconds);
  const sourceSeconds = timedOut ? timeoutMs / 1000 : at.sourceSeconds;
  const destinationSeconds = timedOut ? 0 : pullSeconds;
  return {
    totalMigrationTimeMs: timedOut ? timeoutMs : wholeMs,
    downtimeMs: timedOut ? 0 : downtimeMs,
    longestStallMs: timedOut ? 0 : 1000 * stallSeconds,
    bytes: timedOut ? at.before.streamBytesPerSecond * sourceSeconds : at.sentBefore + at.missing,
    iterations: at.passes + 1,
    lostBits: {
      sourceTx:
        over(at.before.lostSourceTxBitsPerSecond, sourceSeconds) +
        over(at.after.lostSourceTxBitsPerSecond, destinationSeconds),
      destinationRx:
        over(at.before.lostDestinationRxBitsPerSecond, sourceSeconds) +
        over(at.after.lostDestinationRxBitsPerSecond, destinationSeconds),
      vm: timedOut ? 0 : over(vm.txBitsPerSecond + vm.rxBitsPerSecond, stallSeconds + slowed),
    },
    ends: timedOut ? 'timeout' : 'completed',
  };
}

/**
 * The guest runs, but the first thing it does wants pages that are not there. Each that it asks for waits for what the
 * background has already put into the socket (without QEMU's `postcopy-preempt` both share one channel), and as many as
 * are missing of those it needs in a row add up.
 */
function faultStall({ missing, all, after }: Switch, { faultChain, faultQueueBytes }: ModelParameters): number {
  return faultChain * (missing / all) * (faultQueueBytes / after.streamBytesPerSecond);
}
