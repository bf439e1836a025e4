import type { Logger } from 'pino';
import type { Reason } from '../../contract.ts';
import type { Entry } from '../queue.ts';
import type { Store } from '../store/store.ts';

/** Tells of migrations whose deadline is in danger. */
export class DeadlineWarnings {
  readonly #store: Store;
  readonly #log: Logger;
  /** Code of the last warning of each that waits. */
  readonly #warned = new Map<number, string>();

  constructor(store: Store, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** Says it once for each cause. */
  async warn({ id, vmName }: Entry, warning: Reason | null): Promise<void> {
    if (!warning || this.#warned.get(id) === warning.code) return;
    this.#warned.set(id, warning.code);
    this.#log.warn({ migration: id, vm: vmName, reason: warning }, 'a deadline is in danger');
    await this.#store.note(id, warning, Date.now());
  }

  forget(id: number): void {
    this.#warned.delete(id);
  }
}
