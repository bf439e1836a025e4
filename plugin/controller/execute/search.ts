import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { describeError } from '../../errors.ts';
import type { NovaCalls } from '../../nova/control.ts';
import type { Entry } from '../queue.ts';
import { wantedOf } from './wanted.ts';

/** A request that was under way when its answer was lost has reached Nova within this time, or never will. */
export const LOST_AFTER_MS = 15_000;
const ASK_AGAIN_MS = 500;

export interface SearchParts {
  nova: Pick<NovaCalls, 'seen'>;
  log: Logger;
  signal: AbortSignal;
}

/**
 * Whether Nova took a request whose answer is not known: yes as soon as Nova shows it, no if it has not within `withinMs`.
 * While Nova moves the server for somebody else, nothing is concluded: it has refused ours, or ours is still on its way.
 * Null: stopped before it was known.
 */
export async function wasTaken(
  entry: Entry,
  withinMs: number,
  { nova, log, signal }: SearchParts,
): Promise<boolean | null> {
  const giveUpAtMs = Date.now() + withinMs;
  while (!signal.aborted) {
    try {
      const isLate = Date.now() >= giveUpAtMs;
      const seen = await nova.seen(wantedOf(entry));
      // Of `unrecorded` the record is due 0.3 s after Nova took it; conductor and scheduler may be dead.
      if (seen === 'ours' || (isLate && seen === 'unrecorded')) return true;
      if (isLate && seen === 'none') return false;
    } catch (error) {
      const text = 'Nova does not tell whether it took a request';
      log.warn({ migration: entry.id, error: describeError(error) }, text);
    }
    await sleep(ASK_AGAIN_MS, undefined, { signal }).catch(() => {});
  }
  return null;
}
