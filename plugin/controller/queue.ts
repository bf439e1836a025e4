import type { Asked, Reason } from '../contract.ts';
import { DroverError } from '../errors.ts';
import type { KeptRequest } from '../nova/control.ts';
import { newRequestId, type Verdict } from '../proxy/live-migrate.ts';
import type { Admission } from './admit.ts';
import type { IdempotencyKey } from './store/idempotency.ts';
import { type Change, isFinal, type Store, type StoredMigration } from './store/store.ts';
import type { Waiter } from './waiter.ts';

/** A stored migration with what is only known while the plugin runs. */
export type Entry = StoredMigration & {
  candidates?: string[];
  /** When its state was last changed; missing where an earlier run did that. */
  changedAtMs?: number;
};

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
  /** Those that somebody is starting or ending. */
  readonly #claimed = new Set<number>();
  /** Those that have ended, which only cannot be written down yet. */
  readonly #over = new Set<number>();
  /** `handover` of each that is being accepted, or was when the store ceased to answer. */
  readonly #doubtful = new Set<string>();
  readonly #ended: (entry: Entry) => void;

  /** `ended` is called once with each that came to its end. */
  constructor(store: Store, ended: (entry: Entry) => void = () => {}) {
    this.#store = store;
    this.#ended = ended;
  }

  /** Begins anew with these. */
  show(records: readonly StoredMigration[]): void {
    for (const kept of [this.#entries, this.#claimed, this.#over, this.#doubtful]) kept.clear();
    for (const record of records) this.#entries.set(record.id, record);
  }

  /** Reads what an earlier run left unfinished. */
  async start(): Promise<Entry[]> {
    this.show(await this.#store.unfinished());
    return this.entries();
  }

  /** Callers without an answer get Nova's. */
  stop(): void {
    for (const id of [...this.#waiters.keys()]) this.answer(id, { kind: 'forward' });
  }

  entries(): Entry[] {
    return [...this.#entries.values()];
  }

  /** Those that Nova has been asked for and that have not ended. */
  inFlight(): Entry[] {
    return this.entries().filter((entry) => !waits(entry) && !this.#over.has(entry.id));
  }

  get(id: number): Entry | undefined {
    return this.#entries.get(id);
  }

  /** Is a migration of this VM here, or about to be? */
  holds(vmUuid: string): boolean {
    const here = (entry: Entry) => entry.vmUuid === vmUuid && !this.#over.has(entry.id);
    return this.#arriving.has(vmUuid) || this.entries().some(here);
  }

  /** See `over`. */
  isOver(id: number): boolean {
    return this.#over.has(id);
  }

  /** It has ended; that it is still here means that the store does not take it. */
  over(id: number): void {
    this.#over.add(id);
  }

  /**
   * Takes one that waits in one's own hands: who starts it and who ends it must not both do so. False: somebody has it.
   * It is given back by `release`, or by a move to `queued` or to an end.
   */
  claim(id: number): boolean {
    const entry = this.#entries.get(id);
    if (!entry || !waits(entry) || this.#claimed.has(id)) return false;
    this.#claimed.add(id);
    return true;
  }

  release(id: number): void {
    this.#claimed.delete(id);
  }

  waiter(id: number): Waiter | undefined {
    return this.#waiters.get(id);
  }

  async add(
    vmUuid: string,
    admission: Extract<Admission, { kind: 'take' }>,
    request: KeptRequest,
    receivedAtMs: number,
    handover: string | null,
    waiter: Waiter,
  ): Promise<Entry> {
    const { userId, source, destination, server, candidates } = admission;
    this.#arriving.add(vmUuid);
    try {
      const record = await this.#store.add({
        vmUuid,
        userId,
        source,
        destination,
        receivedAtMs,
        request,
        server,
        handover,
      });
      const entry = { ...record, candidates };
      this.#entries.set(entry.id, entry);
      this.#waiters.set(entry.id, waiter);
      return entry;
    } finally {
      this.#arriving.delete(vmUuid);
    }
  }

  /** One that was asked for through the control API; it stands in the queue at once, and nobody waits for its answer. */
  async addAsked(
    vmUuid: string,
    { userId, source, destination, server, candidates }: Extract<Admission, { kind: 'take' }>,
    request: KeptRequest,
    receivedAtMs: number,
    asked: Asked,
    key: IdempotencyKey | null,
  ): Promise<{ record: StoredMigration; added: boolean }> {
    this.#arriving.add(vmUuid);
    try {
      const migration = { vmUuid, userId, source, destination, receivedAtMs, request, server };
      const answer = await this.#store.addAsked(migration, asked, key);
      if (answer.added) this.#entries.set(answer.record.id, { ...answer.record, candidates });
      return answer;
    } finally {
      this.#arriving.delete(vmUuid);
    }
  }

  async move(entry: Entry, state: Entry['state'], reason: Reason, change: Change = {}): Promise<Entry> {
    const nowMs = Date.now();
    const accepted = state === 'queued' && !entry.deferred ? entry.handover : null;
    const moved = this.#keep(entry, await this.#transition(entry, state, reason, nowMs, change, accepted));
    if (accepted !== null) this.#doubtful.delete(accepted);
    if (moved.state !== entry.state) moved.changedAtMs = nowMs;
    if (state === 'queued' || isFinal(state)) this.release(entry.id);
    return moved;
  }

  async #transition(
    entry: Entry,
    state: Entry['state'],
    reason: Reason,
    nowMs: number,
    change: Change,
    accepted: string | null,
  ): Promise<StoredMigration> {
    const doubtedBefore = accepted !== null && this.#doubtful.has(accepted);
    if (accepted !== null) this.#doubtful.add(accepted);
    try {
      return await this.#store.transition(entry.id, state, reason, nowMs, change);
    } catch (error) {
      // That refusal is certain, others are not.
      const refused = error instanceof DroverError && error.code === 'not-leader';
      if (accepted !== null && refused && !doubtedBefore) this.#doubtful.delete(accepted);
      throw error;
    }
  }

  async update(entry: Entry, change: Change): Promise<Entry> {
    return this.#keep(entry, await this.#store.update(entry.id, change));
  }

  /** Whether it is written down that this one waits is not known: its caller must not go to Nova instead. */
  doubtful(handover: string): boolean {
    return this.#doubtful.has(handover);
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
    const { candidates, changedAtMs } = this.#entries.get(record.id) ?? entry;
    const kept: Entry = {
      ...record,
      ...(candidates ? { candidates } : {}),
      ...(changedAtMs === undefined ? {} : { changedAtMs }),
    };
    if (isFinal(kept.state)) {
      this.#over.delete(kept.id);
      if (this.#entries.delete(kept.id)) this.#ended(kept);
    } else this.#entries.set(kept.id, kept);
    return kept;
  }
}

export function waits({ state }: Pick<Entry, 'state'>): boolean {
  return state === 'received' || state === 'queued';
}
