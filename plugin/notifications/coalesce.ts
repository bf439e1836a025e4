/**
 * Hands each key's first value on at once and then at most one in `everyMs`, the newest: a server that changes a hundred
 * times a second is looked at four times.
 */
export class Coalescer<T> {
  readonly #everyMs: number;
  readonly #handle: (value: T) => void;
  /** Keys whose time has not passed; with the newest value that waits for it. */
  readonly #recent = new Map<string, { waiting: T | null; timer: NodeJS.Timeout }>();

  constructor(everyMs: number, handle: (value: T) => void) {
    this.#everyMs = everyMs;
    this.#handle = handle;
  }

  add(key: string, value: T): void {
    const recent = this.#recent.get(key);
    if (recent) recent.waiting = value;
    else {
      this.#rest(key);
      this.#handle(value);
    }
  }

  stop(): void {
    for (const { timer } of this.#recent.values()) clearTimeout(timer);
    this.#recent.clear();
  }

  #rest(key: string): void {
    const timer = setTimeout(() => {
      const waiting = this.#recent.get(key)?.waiting ?? null;
      this.#recent.delete(key);
      if (waiting === null) return;
      this.#rest(key);
      this.#handle(waiting);
    }, this.#everyMs);
    timer.unref();
    this.#recent.set(key, { waiting: null, timer });
  }
}
