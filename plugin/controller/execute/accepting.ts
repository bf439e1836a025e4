import type { Logger } from 'pino';
import type { Reason } from '../../contract.ts';
import { describeError } from '../../errors.ts';
import type { Entry, Queue } from '../queue.ts';
import type { Waiter } from '../waiter.ts';
import type { Background } from './background.ts';
import type { Ending } from './ending.ts';
import type { Submitting } from './submitting.ts';

export interface AcceptingParts {
  queue: Queue;
  submitting: Submitting;
  ending: Ending;
  background: Background;
  log: Logger;
}

/**
 * Takes a migration from a caller who has no answer yet: 202 once that is on disk, if Nova would take the request from
 * that caller. If it would not, or does not tell, the request goes to Nova now and the caller reads its answer.
 */
export class Accepting {
  readonly #parts: AcceptingParts;

  constructor(parts: AcceptingParts) {
    this.#parts = parts;
  }

  /** From now on it waits for its turn. Null: the caller's own request has gone to Nova. */
  async accept(entry: Entry, reason: Reason, waiter: Waiter | undefined): Promise<Entry | null> {
    const { queue, submitting } = this.#parts;
    if (waiter && !(await this.#mayWait(entry, waiter))) return null;
    const moved = await queue.move(entry, 'queued', reason, { deferred: true });
    if (waiter?.sent) {
      // It took so long to write that the caller's request has gone to Nova meanwhile.
      queue.claim(entry.id);
      const gone: Reason = { code: 'store-slow', text: 'the store took too long: went to Nova unchanged' };
      await submitting.followUnchanged(moved, gone, await submitting.forward(entry.id, waiter));
      return null;
    }
    queue.accept(moved);
    return moved;
  }

  /**
   * The same for one that goes to this host, which Drover chose, at once. Null: it does not begin now, or has gone to
   * Nova as it came.
   */
  async acceptFor(asked: Entry, host: string): Promise<Entry | null> {
    if (asked.deferred) return asked;
    const { queue } = this.#parts;
    const reason: Reason = { code: 'destination-chosen', text: `goes to ${host}: Nova is asked at once` };
    const accepted = await this.accept(asked, reason, queue.waiter(asked.id));
    // It is not in this one's hands any more since it waits.
    return accepted && queue.claim(accepted.id) ? accepted : null;
  }

  /** The store did not say whether it took that this one waits: it may not go to Nova for its caller any more. */
  async acceptAtLast(entry: Entry, reason: Reason): Promise<void> {
    const { queue, ending } = this.#parts;
    const accepted = await ending.persist(entry, () => queue.move(entry, 'queued', reason, { deferred: true }));
    if (accepted) queue.accept(accepted);
  }

  /** False: the caller's request has gone to Nova. */
  async #mayWait(entry: Entry, waiter: Waiter): Promise<boolean> {
    const { queue, submitting, background, log } = this.#parts;
    const taken = await waiter.wouldTake().catch((error: unknown) => {
      log.warn({ migration: entry.id, error: describeError(error) }, 'Nova does not tell what it would do');
      return false;
    });
    if (taken) return true;
    const text = 'Nova would not take it from its caller, or does not tell: its caller reads its own answer';
    const change = { submittedAtMs: Date.now() };
    const asked = await queue.move(entry, 'submitted', { code: 'left-to-nova', text }, change);
    background.run(asked, submitting.submit(asked, waiter));
    return false;
  }
}
