import type { Logger } from 'pino';
import { Pause } from '../controller/pause.ts';
import type { Store } from '../controller/store/store.ts';
import { describeError } from '../errors.ts';

export interface ElectionParts {
  store: Store;
  replica: { name: string; advertise: string };
  /** This replica leads now, with this number. Resolves when it can take callers. */
  elected: (fence: number) => Promise<void>;
  /** It leads no more: nothing may be started from the moment of the call. Resolves when all that was begun has ended. */
  deposed: (why: string) => Promise<void>;
  /** Another replica leads and may have written something. Called again and again. */
  follows: () => Promise<void>;
  log: Logger;
}

/** Who leads, as this replica knows it. */
export interface Leader {
  fence: number;
  name: string;
  /** Null: it is this replica. */
  address: string | null;
}

/** Nobody else can take the lead for so long after a renewal. */
const LEASE_MS = 4000;
/** The leader stops so long after it sent the last renewal that succeeded: a second before anybody else can begin. */
const VALID_MS = 3000;
const RENEW_EVERY_MS = 750;
/** One that follows reads this often what the one that leads has written. */
export const WATCH_EVERY_MS = 500;
const RETRY_MS = 250;
/** A statement that takes longer is asked for anew, over another connection. */
const ANSWER_WITHIN_MS = 1000;

/**
 * Keeps one replica of several the leader, with a lease in the database (Gray and Cheriton, "Leases", 1989). The lease is
 * a row that also holds the fencing number, so one statement decides both; no connection has to live for it, and it works
 * behind a database proxy and on Galera, where GET_LOCK does not.
 *
 * | time after the last renewal that reached the database | leader cut off | any other replica |
 * |-------------------------------------------------------|----------------|-------------------|
 * | 0-3 s                                                 | leads, retries | waits             |
 * | 3 s                                                   | has stopped    | waits             |
 * | 4-4.5 s                                               |                | leads             |
 *
 * The first two count by each process' own steady clock and from before the statement was sent, the third by the
 * database's clock and from when it was carried out: a leader has stopped before the next one begins, whatever the clocks
 * show.
 */
export class Election {
  readonly #parts: ElectionParts;
  readonly #stop = new AbortController();
  readonly #pause = new Pause();
  readonly #watchers = new Set<() => void>();
  #loop: Promise<void> = Promise.resolve();
  #fence = 0;
  #term = new AbortController();
  /** By performance.now(). */
  #validUntilMs = 0;
  #leader: Leader | null = null;
  #leaderlessSinceMs = performance.now();
  #reachable = false;
  readonly #peers = new Set<string>();
  /** What was begun under an earlier lead and has not ended yet: this replica leads again only afterwards. */
  #ending: Promise<void> | null = null;

  constructor(parts: ElectionParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Gives the lead up, so that another replica has it at once. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#pause.end();
    await this.#loop;
  }

  /** To be asked before every effect outside of the database. */
  leads(): boolean {
    return this.#fence !== 0 && performance.now() < this.#validUntilMs;
  }

  /** Aborted when this replica leads no more. */
  get term(): AbortSignal {
    return this.#term.signal;
  }

  /** Whom callers are to be sent to; null: nobody is known now. */
  get leader(): Leader | null {
    if (this.#stop.signal.aborted) return null;
    return this.#leader?.address === null && !this.leads() ? null : this.#leader;
  }

  /** How long there has been none, ms; 0: there is one. */
  get leaderlessMs(): number {
    return this.leader ? 0 : performance.now() - this.#leaderlessSinceMs;
  }

  /** The database answered when it was last asked; false too where nobody asks any more. */
  get databaseReachable(): boolean {
    return this.#reachable && !this.#stop.signal.aborted;
  }

  /** Addresses of the others that have led since this one began: one of them may lead while the database is out of reach. */
  get peers(): readonly string[] {
    return [...this.#peers];
  }

  /** Resolves at the next change of the leader, after `ms`, or when `signal` is aborted. */
  changed(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#watchers.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#watchers.add(done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const waitMs = await this.#round().catch((error: unknown) => {
        if (this.#reachable) this.#parts.log.error({ error: describeError(error) }, 'the database does not answer');
        this.#reachable = false;
        return RETRY_MS;
      });
      await this.#pause.wait(waitMs);
    }
    if (this.#fence !== 0) {
      const fence = this.#fence;
      this.#depose('it was stopped');
      await this.#ending;
      await within(this.#parts.store.giveUpLead(fence)).catch(() => {});
    }
    await this.#ending;
  }

  async #round(): Promise<number> {
    if (this.#fence !== 0) return this.#renew();
    const { store, replica } = this.#parts;
    const seen = await within(store.leadership());
    this.#answered();
    if (seen.holds) {
      this.#know({ fence: seen.fence, name: seen.replica, address: seen.address });
      if (!this.#ending) await within(this.#parts.follows());
      return WATCH_EVERY_MS;
    }
    this.#know(null);
    if (this.#ending) return WATCH_EVERY_MS;
    const sentAtMs = performance.now();
    const candidate = { replica: replica.name, address: replica.advertise, leaseMs: LEASE_MS };
    const fence = await within(store.takeLead(candidate));
    if (fence === null) return 0;
    this.#fence = fence;
    this.#term = new AbortController();
    this.#validUntilMs = sentAtMs + VALID_MS;
    this.#parts.log.info({ replica: replica.name, fence }, 'leads');
    // Renewed while it begins: that may take longer than a lease.
    void this.#begin(fence).catch((error: unknown) => {
      this.#parts.log.error({ error: describeError(error) }, 'cannot begin to lead');
      this.#validUntilMs = 0;
      this.#pause.end();
    });
    return RENEW_EVERY_MS;
  }

  /** Callers are sent here only when all that was left unfinished is known. */
  async #begin(fence: number): Promise<void> {
    await this.#parts.elected(fence);
    if (this.#fence === fence) this.#know({ fence, name: this.#parts.replica.name, address: null });
  }

  /** Asks until it is renewed, taken by another one, or no longer valid. */
  async #renew(): Promise<number> {
    const { store, log } = this.#parts;
    const fence = this.#fence;
    while (this.leads() && !this.#stop.signal.aborted) {
      const sentAtMs = performance.now();
      try {
        const renewed = await within(store.renewLead(fence, LEASE_MS), this.#validUntilMs - sentAtMs);
        if (!renewed) {
          this.#depose('another replica has taken the lead');
          return 0;
        }
        this.#answered();
        if (!this.leads()) break;
        this.#validUntilMs = sentAtMs + VALID_MS;
        return RENEW_EVERY_MS;
      } catch (error) {
        if (this.#reachable) log.warn({ error: describeError(error) }, 'the lead is not renewed yet');
        this.#reachable = false;
        await this.#pause.wait(Math.max(0, Math.min(RETRY_MS, this.#validUntilMs - performance.now())));
      }
    }
    if (!this.#stop.signal.aborted) this.#depose('the database did not renew the lead in time');
    return 0;
  }

  #depose(why: string): void {
    this.#fence = 0;
    this.#validUntilMs = 0;
    this.#term.abort();
    this.#know(null);
    this.#parts.log.warn({ why }, 'leads no more');
    this.#ending = this.#parts
      .deposed(why)
      .catch((error: unknown) => this.#parts.log.error({ error: describeError(error) }, 'cannot end what it led'))
      .then(() => {
        this.#ending = null;
        this.#pause.end();
      });
  }

  #answered(): void {
    if (!this.#reachable) this.#parts.log.info('the database answers');
    this.#reachable = true;
  }

  #know(leader: Leader | null): void {
    const before = this.#leader;
    if (leader?.address != null) this.#peers.add(leader.address);
    if (leader === null && before !== null) this.#leaderlessSinceMs = performance.now();
    this.#leader = leader;
    if (before?.fence === leader?.fence) return;
    for (const watcher of [...this.#watchers]) watcher();
  }
}

async function within<T>(answer: Promise<T>, ms = ANSWER_WITHIN_MS): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('it did not answer in time')), Math.min(ms, ANSWER_WITHIN_MS));
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
    answer.catch(() => {});
  }
}
