import type { Logger } from 'pino';
import { describeError } from '../../errors.ts';
import type { Entry } from '../queue.ts';

/** What is done beside the plan: Nova and hostd take their time, other migrations are not planned later for it. */
export class Background {
  readonly #log: Logger;
  readonly #open = new Set<Promise<void>>();

  constructor(log: Logger) {
    this.#log = log;
  }

  run(entry: Entry, work: Promise<void>): void {
    const done = work.catch((error: unknown) => {
      this.#log.error({ migration: entry.id, error: describeError(error) }, 'a step failed');
    });
    this.#open.add(done);
    void done.then(() => this.#open.delete(done));
  }

  async ended(): Promise<void> {
    await Promise.all(this.#open);
  }
}
