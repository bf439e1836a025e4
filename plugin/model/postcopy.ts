import { dirtiedBytes, dirtyCurve } from './dirty.ts';
import { type MigrationFeatures, type ModelParameters, streamBytes } from './features.ts';
import type { Figures } from './figures.ts';
import { preCopy, rounds } from './precopy.ts';
import { pull } from './pull.ts';
import { phaseRates } from './share.ts';

/** Post-copy: the guest goes first, after the little time that the switch takes; its memory follows. */
export function postCopy(features: MigrationFeatures, parameters: ModelParameters): Figures {
  return switched(features, parameters, 0);
}

/**
 * A migration that switches: `passes` over all memory on the source (0 or 1), then what QEMU still sends until Nova has
 * passed the request on, then the switch. It ends as a pre-copy if it converges before Nova's request comes, and as one
 * that Nova's timeout hits if that comes first.
 */
export function switched(features: MigrationFeatures, parameters: ModelParameters, passes: 0 | 1): Figures {
  const { streamBytesPerSecond } = phaseRates(features, parameters, 'source');
  const curve = dirtyCurve(features, parameters);
  const all = streamBytes(features, parameters);
  const delaySeconds = parameters.switchDelayMs / 1000;
  const passSeconds = (passes * all) / streamBytesPerSecond;
  const seconds = passSeconds + delaySeconds;

  const early = rounds(all, streamBytesPerSecond, parameters.limitBeforeSwitchMs, (time) => dirtiedBytes(curve, time));
  const timesOut = features.timeoutMs !== null && parameters.setupMs + 1000 * seconds > features.timeoutMs;
  if (timesOut || (early.converges && early.seconds <= seconds)) {
    return preCopy({ ...features, downtimeLimitMs: parameters.limitBeforeSwitchMs }, parameters);
  }
  const pendingAfterPass = passes === 1 ? dirtiedBytes(curve, passSeconds) : all;
  const sentInDelay = Math.min(pendingAfterPass, streamBytesPerSecond * delaySeconds);
  const missingBytes = Math.min(all, pendingAfterPass - sentInDelay + dirtiedBytes(curve, delaySeconds));
  return pull(features, parameters, {
    seconds,
    sentBytes: passes * all + sentInDelay,
    missingBytes,
    allBytes: all,
    passes,
  });
}
