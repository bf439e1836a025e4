const DAY_MS = 86_400_000;

/**
 * Which hosts' nova-compute can be relied on to tell the end of a migration, so that Nova is asked seldom meanwhile.
 * A connection to RabbitMQ proves nothing: each nova-compute has its own nova.conf.
 *
 * | seen                                                              | from then on |
 * |-------------------------------------------------------------------|--------------|
 * | a notification that this host's own nova-compute sent             | trusted, 24 h |
 * | a migration from it was completed, and nobody had told            | not trusted, until it is heard again |
 * | the connection to RabbitMQ is lost                                | nobody is, until it is back |
 */
export class Trust {
  readonly #heardAtMs = new Map<string, number>();
  readonly #silent = new Set<string>();
  listening = false;

  heard(host: string, nowMs = Date.now()): void {
    this.#heardAtMs.set(host, nowMs);
    this.#silent.delete(host);
  }

  /** A migration from this host was completed. `told`: its nova-compute had said so before. */
  completed(host: string, told: boolean): void {
    if (told || !this.listening) return;
    this.#heardAtMs.delete(host);
    this.#silent.add(host);
  }

  tells(host: string, nowMs = Date.now()): boolean {
    const heardAtMs = this.#heardAtMs.get(host);
    return this.listening && heardAtMs !== undefined && nowMs - heardAtMs < DAY_MS;
  }

  /** Hosts that did not tell of the last migration that they completed. */
  get silent(): string[] {
    return [...this.#silent].sort();
  }
}
