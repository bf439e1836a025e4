import type { Logger } from 'pino';
import type { Reason } from '../contract.ts';
import { describeError } from '../errors.ts';
import type { AdmissionCalls } from '../nova/control.ts';
import type { Entry, Queue } from './queue.ts';
import { type Standing, standing } from './standing.ts';

/** A server with a task, and a Nova that does not answer, are asked after again. */
const AGAIN_MS = 2000;
/** Each server of a migration that waits is looked at this often, but only one a round. */
const ROUTINE_MS = 60_000;

/** Keeps an eye on the servers of migrations that wait: what is no longer possible ends, with its reason. */
export class Lookout {
  readonly #queue: Queue;
  readonly #nova: Pick<AdmissionCalls, 'server' | 'newestMigration'>;
  readonly #log: Logger;
  /** Not to be planned before `againAtMs`. */
  readonly #later = new Map<number, { busySinceMs: number | null; againAtMs: number }>();
  readonly #lookedAtMs = new Map<number, number>();
  /** Nobody knows yet whether Nova has these. */
  readonly #aside = new Set<number>();

  constructor(queue: Queue, nova: Pick<AdmissionCalls, 'server' | 'newestMigration'>, log: Logger) {
    this.#queue = queue;
    this.#nova = nova;
    this.#log = log;
  }

  /** May the plan have it? Otherwise it would keep others waiting that can start. */
  isFree(id: number): boolean {
    return !this.#later.has(id) && !this.#aside.has(id);
  }

  /** The plan does not have it any more: it ends, or goes on as one that Nova has. */
  setAside(id: number): void {
    this.#aside.add(id);
  }

  /** What stands in the way of a migration now; null: Nova does not tell. */
  async judge(entry: Entry): Promise<Standing | null> {
    const nowMs = Date.now();
    this.#lookedAtMs.set(entry.id, nowMs);
    try {
      const server = await this.#nova.server(entry.vmUuid);
      return standing(entry, server, this.#later.get(entry.id)?.busySinceMs ?? null, nowMs);
    } catch (error) {
      this.#log.warn({ migration: entry.id, error: describeError(error) }, 'Nova does not tell of a server');
      return null;
    }
  }

  /** True: it may start now. Otherwise what became of it has been written. The caller has claimed it. */
  async mayStart(entry: Entry): Promise<boolean> {
    const found = await this.judge(entry);
    if (found === null) {
      await this.#putOff(entry, { code: 'nova-unreachable', text: 'Nova does not tell of the server: asked again' });
      return false;
    }
    if (found.kind === 'busy') await this.putOff(entry, found.reason);
    else this.#later.delete(entry.id);
    if (found.kind === 'ended') {
      this.#log.warn({ migration: entry.id, vm: entry.vmName, reason: found.reason }, 'no longer to be migrated');
      await this.#queue.move(entry, 'aborted', found.reason);
    }
    if (found.kind === 'moved') await this.#queue.move(entry, 'queued', found.reason, { source: found.source });
    return found.kind === 'ready';
  }

  /**
   * What Nova will make of the request if it is asked now has a higher id than this. Others may have had Nova move the
   * server, or try to, since the request came. Null: Nova does not tell, so it is asked again later.
   */
  async newestBefore(entry: Entry): Promise<number | null> {
    try {
      return await this.#nova.newestMigration(entry.vmUuid);
    } catch (error) {
      this.#log.warn({ migration: entry.id, error: describeError(error) }, 'Nova does not tell of migrations');
      await this.#putOff(entry, { code: 'nova-unreachable', text: 'Nova does not tell of migrations: asked again' });
      return null;
    }
  }

  /** Its server has a task: it waits for the end of that. */
  async putOff(entry: Entry, reason: Reason): Promise<void> {
    await this.#putOff(entry, reason, this.#later.get(entry.id)?.busySinceMs ?? Date.now());
  }

  /** Something was done to a server: its migrations that wait are looked at. */
  async serverChanged(vmUuid: string): Promise<void> {
    await Promise.all(this.#waiting().map(async (entry) => entry.vmUuid === vmUuid && (await this.#look(entry))));
  }

  /** A round: those that were put off and are due, and the one that was not looked at for longest. */
  async lookAround(): Promise<void> {
    const nowMs = Date.now();
    const waiting = this.#waiting();
    for (const known of [this.#later, this.#lookedAtMs, this.#aside]) {
      for (const id of known.keys()) if (!this.#queue.get(id)) known.delete(id);
    }
    const due = waiting.filter(({ id }) => (this.#later.get(id)?.againAtMs ?? Number.POSITIVE_INFINITY) <= nowMs);
    const [oldest] = waiting
      .filter((entry) => nowMs - this.#seenAtMs(entry) >= ROUTINE_MS)
      .sort((a, b) => this.#seenAtMs(a) - this.#seenAtMs(b));
    await Promise.all([...new Set(oldest ? [...due, oldest] : due)].map((entry) => this.#look(entry)));
  }

  #waiting(): Entry[] {
    return this.#queue.entries().filter(({ state, deferred }) => deferred && state === 'queued');
  }

  #seenAtMs({ id, receivedAtMs }: Entry): number {
    return this.#lookedAtMs.get(id) ?? receivedAtMs;
  }

  async #look(entry: Entry): Promise<void> {
    if (!this.#queue.claim(entry.id)) return;
    try {
      await this.mayStart(entry);
    } finally {
      this.#queue.release(entry.id);
    }
  }

  async #putOff(entry: Entry, reason: Reason, busySinceMs: number | null = null): Promise<void> {
    this.#later.set(entry.id, { busySinceMs, againAtMs: Date.now() + AGAIN_MS });
    if (entry.stateReason?.code !== reason.code) await this.#queue.move(entry, 'queued', reason);
  }
}
