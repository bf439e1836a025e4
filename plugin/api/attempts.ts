/** Failed attempts to show who one is, by the address that they come from. Pure: the time is told. */

/** So many may fail in a row; one more is allowed every REFILL_MS. */
const BURST = 10;
const REFILL_MS = 6000;
/** Whoever has many addresses does not fill the memory: the one that failed longest ago is forgotten first. */
const MAX_ADDRESSES = 10_000;

/**
 * A token bucket for each address. Only what fails counts: a good token is taken whatever others behind the same
 * address do.
 *
 * | fails within a minute | the next one is answered |
 * |-----------------------|--------------------------|
 * | 1-10                  | 401                      |
 * | more                  | 429, after 6 s 401 again |
 */
export class FailedAttempts {
  readonly #spent = new Map<string, { count: number; atMs: number }>();

  /** How long this address has to wait before it may fail again, 0: not at all. */
  waitMs(address: string, nowMs: number): number {
    const count = this.#count(address, nowMs);
    return count <= BURST - 1 ? 0 : Math.ceil((count - (BURST - 1)) * REFILL_MS);
  }

  add(address: string, nowMs: number): void {
    const count = this.#count(address, nowMs) + 1;
    this.#spent.delete(address);
    this.#spent.set(address, { count, atMs: nowMs });
    const [oldest] = this.#spent.keys();
    if (this.#spent.size > MAX_ADDRESSES && oldest !== undefined) this.#spent.delete(oldest);
  }

  #count(address: string, nowMs: number): number {
    const spent = this.#spent.get(address);
    return spent === undefined ? 0 : Math.max(0, spent.count - Math.max(0, nowMs - spent.atMs) / REFILL_MS);
  }
}
