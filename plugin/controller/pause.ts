/** A sleep that can be ended. `end` without a sleeper ends the next one at once: no wake-up is lost between two rounds. */
export class Pause {
  #ended = false;
  #wake: () => void = () => {};

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async wait(ms: number): Promise<void> {
    if (!this.#ended) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#ended = false;
  }
}
