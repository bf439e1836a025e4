import type { HostClient } from '../tracker/hosts.ts';
import { dropLeases, type Hold, putLeases } from './lease.ts';

/**
 * The leases of one migration on its hosts, one call after the other: what is dropped while it is being taken is dropped
 * after that, and never taken again.
 */
export class HeldLeases {
  readonly #migrationId: number;
  #turn: Promise<unknown> = Promise.resolve();
  #dropped = false;

  constructor(migrationId: number) {
    this.#migrationId = migrationId;
  }

  /** Takes, renews or changes them; gives the error of each host that refused. */
  put(hold: Hold | null): Promise<Error[]> {
    return this.#inTurn(async () => (hold === null || this.#dropped ? [] : putLeases(hold)));
  }

  /** Ends them for good; gives the error of each host that did not hear of it, which drops its lease by itself. */
  drop(clients: HostClient[]): Promise<Error[]> {
    this.#dropped = true;
    return this.#inTurn(() => dropLeases(this.#migrationId, clients));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}
