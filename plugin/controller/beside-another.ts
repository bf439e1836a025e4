import { setTimeout as sleep } from 'node:timers/promises';
import { type Queue, waits } from './queue.ts';

/** Nova's end is noticed within 0.7 s (execute/drive.ts), or later where Nova's API is slow. */
const NOTICED_WITHIN_MS = 6000;
const LOOK_AGAIN_MS = 100;

/**
 * What becomes of a live migration that Nova would take, of a server that has one already.
 *
 * | the first                                    | the second                                             |
 * |----------------------------------------------|--------------------------------------------------------|
 * | waits, or Nova is being asked for it         | `busy`: Drover answers 409, as Nova would               |
 * | is Nova's, which says that it is over        | waits for Drover to notice, then `free`: it is taken    |
 * | and Drover does not notice                   | `novas`: goes to Nova, which answers                    |
 *
 * One that comes while Nova says `migrating` has been left to Nova before (admit.ts).
 */
export async function besideAnother(
  vmUuid: string,
  queue: Pick<Queue, 'holds' | 'entries'>,
  wake: () => void,
  noticedWithinMs = NOTICED_WITHIN_MS,
): Promise<'free' | 'busy' | 'novas'> {
  const giveUpAtMs = Date.now() + noticedWithinMs;
  while (queue.holds(vmUuid)) {
    const first = queue.entries().find((entry) => entry.vmUuid === vmUuid);
    if (!first || waits(first) || first.novaMigrationId === null) return 'busy';
    if (Date.now() >= giveUpAtMs) return 'novas';
    wake();
    await sleep(LOOK_AGAIN_MS);
  }
  return 'free';
}
