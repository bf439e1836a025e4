import { type FileHandle, open } from 'node:fs/promises';

/**
 * Waits until what was written to a file before is on the disk itself; those who wait at the same time wait for the same.
 * In libuv's threads: however long the disk takes, nothing else waits.
 */
export class Flush {
  readonly #file: string;
  #handle: FileHandle | null = null;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  /** @throws Error of the disk */
  flushed(): Promise<void> {
    // One that runs already may not have what was written last.
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      const run = this.#flush();
      this.#running = run.catch(() => {});
      return run;
    });
    return this.#next;
  }

  async close(): Promise<void> {
    await this.#running;
    await this.#handle?.close();
    this.#handle = null;
  }

  async #flush(): Promise<void> {
    this.#handle ??= await open(this.#file, 'r+');
    await this.#handle.datasync();
  }
}
