import type { Logger } from 'pino';
import type { Reason } from '../../contract.ts';
import { persist } from '../persist.ts';
import type { Entry, Queue } from '../queue.ts';
import { unchosen } from './chosen.ts';
import type { Reservations } from './reservations.ts';
import type { DeadlineWarnings } from './warnings.ts';

export interface EndingParts {
  queue: Queue;
  reservations: Reservations;
  warnings: DeadlineWarnings;
  log: Logger;
  signal: AbortSignal;
}

export const CLIENT_GONE: Reason = { code: 'client-gone', text: 'the client left before it had an answer' };

/** Ends of migrations that Nova does not have. */
export class Ending {
  readonly #parts: EndingParts;

  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  /** True: nobody waits for its answer any more, and it has ended. */
  async leftByClient(entry: Entry): Promise<boolean> {
    const waiter = this.#parts.queue.waiter(entry.id);
    if (!waiter?.gone.aborted || waiter.sent) return false;
    this.#parts.queue.answer(entry.id, { kind: 'forward' });
    await this.end(entry, 'aborted', CLIENT_GONE);
    return true;
  }

  /**
   * Nova has not taken it: what was accepted waits again; a caller without a 202 has to ask again.
   *
   * @param isRefused Nova does not take the host that Drover had chosen.
   */
  async giveBack(entry: Entry, state: 'failed' | 'aborted', reason: Reason, isRefused = false): Promise<void> {
    if (!entry.deferred) return this.end(entry, state, reason);
    await this.#parts.reservations.drop(entry);
    const change = unchosen(entry, isRefused);
    await this.persist(entry, () => this.#parts.queue.move(entry, 'queued', reason, change));
  }

  async end(entry: Entry, state: 'failed' | 'aborted', reason: Reason): Promise<void> {
    this.#parts.log.warn({ migration: entry.id, vm: entry.vmName, state, reason }, 'migration ended');
    this.#parts.warnings.forget(entry.id);
    this.#parts.queue.over(entry.id);
    await this.#parts.reservations.drop(entry);
    await this.persist(entry, () => this.#parts.queue.move(entry, state, reason));
  }

  /** Does it again until the store takes it; null: stopped before. */
  persist<T>(entry: Entry, work: () => Promise<T>): Promise<T | null> {
    const what = `migration ${entry.id} of ${entry.vmName}`;
    return persist(work, { what, log: this.#parts.log, signal: this.#parts.signal });
  }
}
