import type { Reason } from '../contract.ts';
import type { KeptRequest } from '../nova/control.ts';
import { newRequestId, type UpstreamAnswer, type Verdict } from '../proxy/live-migrate.ts';
import type { Admission } from './admit.ts';
import { type Change, isFinal, type Store, type StoredMigration } from './store/store.ts';

/** A caller that has no answer yet. */
export interface Waiter {
  /** Sends the caller's own request to Nova, at most once. */
  forward: () => Promise<UpstreamAnswer>;
  answer: (verdict: Verdict) => void;
  /** The client closed its connection. */
  gone: AbortSignal;
}

/** A stored migration with what is only known while the plugin runs. */
export type Entry = StoredMigration & { candidates?: string[] };

/**
 * All migrations that are not finished, as the store has them, and the callers that wait for an answer. Every change
 * goes to the store first.
 */
export class Queue {
  readonly #store: Store;
  readonly #entries = new Map<number, Entry>();
  readonly #waiters = new Map<number, Waiter>();
  /** VMs whose migration is being written down for the first time. */
  readonly #arriving = new Set<string>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Reads what an earlier run left unfinished. */
  async start(): Promise<Entry[]> {
    for (const record of await this.#store.unfinished()) this.#entries.set(record.id, record);
    return this.entries();
  }

  /** Callers without an answer get Nova's. */
  stop(): void {
    for (const id of [...this.#waiters.keys()]) this.answer(id, { kind: 'forward' });
  }

  entries(): Entry[] {
    return [...this.#entries.values()];
  }

  get(id: number): Entry | undefined {
    return this.#entries.get(id);
  }

  /** Is a migration of this VM here, or about to be? */
  holds(vmUuid: string): boolean {
    return this.#arriving.has(vmUuid) || this.entries().some((entry) => entry.vmUuid === vmUuid);
  }

  waiter(id: number): Waiter | undefined {
    return this.#waiters.get(id);
  }

  async add(
    vmUuid: string,
    admission: Extract<Admission, { kind: 'take' }>,
    request: KeptRequest,
    receivedAtMs: number,
    waiter: Waiter,
  ): Promise<Entry> {
    const { userId, source, destination, server, candidates } = admission;
    this.#arriving.add(vmUuid);
    try {
      const record = await this.#store.add({ vmUuid, userId, source, destination, receivedAtMs, request, server });
      const entry = { ...record, candidates };
      this.#entries.set(entry.id, entry);
      this.#waiters.set(entry.id, waiter);
      return entry;
    } finally {
      this.#arriving.delete(vmUuid);
    }
  }

  async move(entry: Entry, state: Entry['state'], reason: Reason, change: Change = {}): Promise<Entry> {
    return this.#keep(entry, await this.#store.transition(entry.id, state, reason, Date.now(), change));
  }

  async update(entry: Entry, change: Change): Promise<Entry> {
    return this.#keep(entry, await this.#store.update(entry.id, change));
  }

  /** Takes over what a Drive wrote. */
  replace(record: StoredMigration): void {
    this.#keep(record, record);
  }

  /** Answers the caller, if one waits. */
  answer(id: number, verdict: Verdict): void {
    this.#waiters.get(id)?.answer(verdict);
    this.#waiters.delete(id);
  }

  /** 202 to a caller whose migration waits. The entry must be stored as `queued` before. */
  accept(entry: Entry): void {
    this.answer(entry.id, {
      kind: 'accepted',
      requestId: entry.request.requestId ?? newRequestId(),
      microversion: entry.request.microversion,
    });
  }

  #keep(entry: Entry, record: StoredMigration): Entry {
    const kept = entry.candidates ? { ...record, candidates: entry.candidates } : record;
    if (isFinal(kept.state)) this.#entries.delete(kept.id);
    else this.#entries.set(kept.id, kept);
    return kept;
  }
}
