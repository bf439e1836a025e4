const DAY_MS = 86_400_000;

/**
 * Which hosts' nova-compute can be relied on to tell the end of a migration, so that Nova is asked seldom meanwhile.
 * A connection to RabbitMQ proves nothing: each nova-compute has its own nova.conf.
 *
 * | seen                                                              | from then on |
 * |-------------------------------------------------------------------|--------------|
 * | a notification that this host's own nova-compute sent             | trusted, 24 h |
 * | a migration from it ran and was completed, and nobody told        | not trusted, until it is heard again |
 * | the connection to RabbitMQ is lost                                | nobody is, until it is back |
 */
export class Trust {
  readonly #heardAtMs = new Map<string, number>();
  readonly #silent = new Set<string>();
  #listeningSinceMs: number | null = null;

  /** Notifications arrive from now on. */
  begin(nowMs = Date.now()): void {
    this.#listeningSinceMs = nowMs;
  }

  /** They do not any more. */
  end(): void {
    this.#listeningSinceMs = null;
  }

  heard(host: string, nowMs = Date.now()): void {
    this.#heardAtMs.set(host, nowMs);
    this.#silent.delete(host);
  }

  /**
   * A migration from this host was completed; `told`: its nova-compute had said so before. Only one that was seen running
   * after this one began to listen shows anything.
   */
  completed(host: string, told: boolean, seenRunningAtMs: number | null): void {
    if (told || this.#listeningSinceMs === null || (seenRunningAtMs ?? 0) < this.#listeningSinceMs) return;
    this.#heardAtMs.delete(host);
    this.#silent.add(host);
  }

  tells(host: string, nowMs = Date.now()): boolean {
    const heardAtMs = this.#heardAtMs.get(host);
    return this.#listeningSinceMs !== null && heardAtMs !== undefined && nowMs - heardAtMs < DAY_MS;
  }

  /** Hosts that did not tell of the last migration that they completed. */
  get silent(): string[] {
    return [...this.#silent].sort();
  }
}
