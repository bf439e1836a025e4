import type { Logger } from 'pino';
import { HeldLeases } from '../../bandwidth/held.ts';
import type { Tracker } from '../../tracker/tracker.ts';
import type { Entry } from '../queue.ts';
import type { Store } from '../store/store.ts';
import { holdOf, leaseClients } from './links.ts';

export interface ReservationParts {
  store: Store;
  tracker: Tracker;
  log: Logger;
}

/** The bandwidth that is reserved for each migration, as leases on both its hosts. */
export class Reservations {
  readonly #parts: ReservationParts;
  readonly #held = new Map<number, HeldLeases>();

  constructor(parts: ReservationParts) {
    this.#parts = parts;
  }

  of(id: number): HeldLeases {
    const held = this.#held.get(id) ?? new HeldLeases(id);
    this.#held.set(id, held);
    return held;
  }

  /** What its decision says; a host that does not give it costs the migration nothing but that. */
  async put(entry: Entry): Promise<void> {
    const { store, tracker, log } = this.#parts;
    for (const error of await this.of(entry.id).put(holdOf(entry, tracker))) {
      log.warn({ migration: entry.id, error: error.message }, 'bandwidth is not reserved on a host');
      await store.note(entry.id, { code: 'not-reserved', text: error.message }, Date.now());
    }
  }

  async drop(entry: Entry): Promise<void> {
    if (entry.decision) await this.of(entry.id).drop(leaseClients(entry, this.#parts.tracker));
    this.forget(entry.id);
  }

  forget(id: number): void {
    this.#held.delete(id);
  }
}
