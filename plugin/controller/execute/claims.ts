import type { Logger } from 'pino';
import type { Reason } from '../../contract.ts';
import { describeError } from '../../errors.ts';
import type { Entry, Queue } from '../queue.ts';
import type { Waiter } from '../waiter.ts';
import type { Accepting } from './accepting.ts';
import type { Background } from './background.ts';
import type { Ending } from './ending.ts';
import type { Submitting } from './submitting.ts';

export interface ClaimsParts {
  queue: Queue;
  accepting: Accepting;
  submitting: Submitting;
  ending: Ending;
  background: Background;
  log: Logger;
}

/** Only one at a time has a waiting migration in hand; what fails in its hand is put right in the background. */
export class Claims {
  readonly #parts: ClaimsParts;

  constructor(parts: ClaimsParts) {
    this.#parts = parts;
  }

  /** Does nothing where somebody else has it in hand. */
  async run(entry: Entry, work: () => Promise<void>): Promise<void> {
    const { queue, background } = this.#parts;
    if (!queue.claim(entry.id)) return;
    const waiter = queue.waiter(entry.id);
    try {
      await work();
    } catch (error) {
      background.run(entry, this.#rescue(entry.id, waiter, describeError(error)));
    }
  }

  /**
   * A step failed half way: its caller gets Nova's answer; what was accepted waits again, once that can be written. Where
   * nobody knows whether it was accepted, it is.
   */
  async #rescue(id: number, waiter: Waiter | undefined, text: string): Promise<void> {
    const { queue, accepting, submitting, ending, log } = this.#parts;
    const entry = queue.get(id);
    if (!entry) return;
    const reason: Reason = { code: 'step-failed', text };
    log.error({ migration: id, vm: entry.vmName, error: text }, 'a step failed');
    if (entry.handover !== null && queue.doubtful(entry.handover)) return accepting.acceptAtLast(entry, reason);
    // A caller whose request has gone to Nova meanwhile waits no more, and what Nova took is not to be forgotten.
    const isOpen = waiter !== undefined && (waiter.sent || queue.waiter(id) === waiter);
    if (entry.deferred || !isOpen) return ending.giveBack(entry, 'failed', reason);
    await submitting.followUnchanged(entry, reason, await submitting.forward(id, waiter));
  }
}
