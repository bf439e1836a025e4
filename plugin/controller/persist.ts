import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { describeError } from '../errors.ts';

const AGAIN_MS = 1000;

/**
 * Does what must be done in the end (write down how a migration ended, with a full disk), again each second until it
 * works. Null if `signal` came first: then a later run finds out by itself.
 */
export async function persist<T>(
  work: () => Promise<T>,
  { what, log, signal }: { what: string; log: Logger; signal: AbortSignal },
): Promise<T | null> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      return await work();
    } catch (error) {
      if (failures === 0)
        log.error({ what, error: describeError(error) }, 'does not work now, tried again each second');
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => {});
    }
  }
  return null;
}
