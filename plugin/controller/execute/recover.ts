import type { Logger } from 'pino';
import type { Reason } from '../../contract.ts';
import type { Lookout } from '../lookout.ts';
import type { Entry, Queue } from '../queue.ts';
import type { Background } from './background.ts';
import type { Ending } from './ending.ts';
import type { Running } from './running.ts';
import { LOST_AFTER_MS } from './search.ts';
import type { Submitting } from './submitting.ts';

export interface RecoveryParts {
  queue: Queue;
  lookout: Lookout;
  running: Running;
  submitting: Submitting;
  ending: Ending;
  background: Background;
  /** To plan again. */
  wake: () => void;
  log: Logger;
}

/** Goes on, in the background, with what an earlier run left in this state. */
export function recover(entry: Entry, parts: RecoveryParts): void {
  const { id, vmName, state, novaMigrationId } = entry;
  parts.log.info({ migration: id, vm: vmName, state }, 'found unfinished');
  if (state === 'queued') return;
  if (state !== 'received' && state !== 'reserving') {
    if (state === 'submitted' && novaMigrationId === null) parts.submitting.findAgain(entry);
    else parts.running.follow(entry);
    return;
  }
  parts.queue.claim(id);
  if (!entry.deferred) parts.lookout.setAside(id);
  const reason: Reason = { code: 'restarted', text: 'the plugin was restarted before Nova was asked' };
  const work = entry.deferred ? parts.ending.giveBack(entry, 'aborted', reason) : lookAgain(entry, reason, parts);
  parts.background.run(
    entry,
    work.then(() => parts.wake()),
  );
}

/**
 * Its caller has no answer. Where the store failed its request may have gone to Nova all the same. A replica that hands
 * a request on has it still, and asks again once this one has ended: so nothing of an earlier leader may be on its way.
 */
async function lookAgain(entry: Entry, reason: Reason, parts: RecoveryParts): Promise<void> {
  const taken = await parts.submitting.wasTaken(entry, entry.handover === null ? 0 : LOST_AFTER_MS);
  if (taken) await parts.submitting.followUnchanged(entry, { ...reason, text: 'Nova has it' }, 'unknown');
  else if (taken === false) await parts.ending.end(entry, 'aborted', reason);
}
