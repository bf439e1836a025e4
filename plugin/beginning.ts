import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Controller } from './controller/run.ts';
import type { Store } from './controller/store/store.ts';
import { describeError } from './errors.ts';

const AGAIN_MS = 2000;

/**
 * Begins to manage as soon as the database works. Until then the plugin stands before Nova all the same, and everything
 * goes through it unchanged: a database that cannot be opened must not take Nova's API away.
 */
export class Beginning {
  /** Why nothing is managed, null if it is. */
  problem: string | null = null;
  readonly #store: Store;
  readonly #controller: Controller;
  readonly #log: Logger;
  readonly #stop = new AbortController();

  constructor(store: Store, controller: Controller, log: Logger) {
    this.#store = store;
    this.#controller = controller;
    this.#log = log;
  }

  async openStore(): Promise<void> {
    await this.#attempt(() => this.#store.start());
  }

  /** With the store open the controller starts before this resolves; else both are tried again until they do. */
  async begin(): Promise<void> {
    if (this.problem === null) await this.#attempt(() => this.#controller.start());
    if (this.problem !== null) void this.#tryAgain();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #tryAgain(): Promise<void> {
    while (this.problem !== null && !this.#stop.signal.aborted) {
      await sleep(AGAIN_MS, undefined, { signal: this.#stop.signal }).catch(() => {});
      if (this.#stop.signal.aborted) return;
      await this.#attempt(async () => {
        await this.#store.stop();
        await this.#store.start();
        await this.#controller.start();
      });
    }
    this.#log.info('the database works: Drover manages from now on');
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.problem = null;
    } catch (error) {
      const text = describeError(error);
      if (this.problem !== text) {
        this.#log.error(
          { error: text },
          'nothing is managed until the database works: everything goes to Nova unchanged',
        );
      }
      this.problem = text;
    }
  }
}
