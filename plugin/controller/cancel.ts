import { setTimeout as sleep } from 'node:timers/promises';
import { DroverError } from '../errors.ts';
import type { NovaCalls } from '../nova/control.ts';
import type { Entry, Queue } from './queue.ts';
import type { Store, StoredMigration } from './store/store.ts';

export interface CancelParts {
  store: Store;
  queue: Queue;
  nova: Pick<NovaCalls, 'abort'>;
  /** To plan again. */
  wake: () => void;
}

/** Nova's record of a migration appears 0.1-0.3 s after its 202. */
const RECORD_WITHIN_MS = 5000;
const LOOK_AGAIN_MS = 200;

/**
 * Ends one that waits, or has Nova abort one that runs; that end is seen later. `by`: who wants it, for the reason.
 *
 * @throws DroverError `migration-in-post-copy`, `migration-not-begun`, `nova-refused`.
 */
export async function cancel(
  entry: Entry,
  by: string,
  { store, queue, nova, wake }: CancelParts,
): Promise<StoredMigration> {
  const { id } = entry;
  const reason = { code: 'cancelled', text: `cancelled by ${by} through the control API` };
  if (entry.state === 'queued') {
    if (queue.claim(id)) {
      try {
        const ended = await queue.move(queue.get(id) ?? entry, 'aborted', reason);
        wake();
        return ended;
      } finally {
        queue.release(id);
      }
    }
    throw new DroverError('migration-not-begun', `migration ${id} is being started right now: ask again in a second`);
  }
  if (entry.state === 'post-copy') throw inPostCopy(id);
  const { status, text } = await nova.abort(entry.vmUuid, await novaRecord(id, queue));
  if (status === 202 || status === 404) {
    await store.note(id, reason, Date.now());
    wake();
    return queue.get(id) ?? entry;
  }
  if (queue.get(id)?.state === 'post-copy') throw inPostCopy(id);
  throw new DroverError('nova-refused', `Nova does not abort migration ${id}: ${status} ${text}`);
}

/** Nova's own number of it, waited for. */
async function novaRecord(id: number, queue: Queue): Promise<number> {
  const giveUpAtMs = Date.now() + RECORD_WITHIN_MS;
  for (;;) {
    const found = queue.get(id)?.novaMigrationId ?? null;
    if (found !== null) return found;
    if (Date.now() >= giveUpAtMs) {
      throw new DroverError(
        'migration-not-begun',
        `Nova has no record of migration ${id} yet: ask again in some seconds`,
      );
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

function inPostCopy(id: number): DroverError {
  const text = `migration ${id} is in post-copy: its guest runs on the destination, and there is no way back`;
  return new DroverError('migration-in-post-copy', text);
}
