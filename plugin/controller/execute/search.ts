import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { describeError } from '../../errors.ts';
import type { NovaCalls, SeenOfIt } from '../../nova/control.ts';
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
 * What Nova's answer says of a request that it may have taken. Pure.
 *
 * | seen       | the request may be on its way  | it cannot any more                                     |
 * |------------|--------------------------------|--------------------------------------------------------|
 * | ours       | taken                          | taken                                                  |
 * | others     | not known                      | not known: Nova has refused ours, or ours comes later  |
 * | unrecorded | not known: whose it is         | taken: conductor or scheduler are dead                 |
 * | none       | not known                      | not taken                                              |
 */
export function concluded(seen: SeenOfIt, isLate: boolean): boolean | null {
  if (seen === 'ours') return true;
  if (!isLate || seen === 'others') return null;
  return seen === 'unrecorded';
}

/** Looks until it is known whether Nova took a request. Null: stopped before. */
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
      const taken = concluded(seen, isLate);
      if (taken !== null) return taken;
    } catch (error) {
      const text = 'Nova does not tell whether it took a request';
      log.warn({ migration: entry.id, error: describeError(error) }, text);
    }
    await sleep(ASK_AGAIN_MS, undefined, { signal }).catch(() => {});
  }
  return null;
}
