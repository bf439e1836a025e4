import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Controller } from '../controller/run.ts';
import type { Store } from '../controller/store/store.ts';
import { describeError } from '../errors.ts';
import type { LiveMigrateHandler } from '../proxy/live-migrate.ts';
import type { MigrationsSource } from '../proxy/overlay/request.ts';
import { followersMigrations } from './abort.ts';
import { createDesk, type DeskParts } from './desk.ts';
import { Election, WATCH_EVERY_MS } from './election.ts';

export interface ReplicaParts {
  replica: { name: string; advertise: string };
  store: Store;
  controller: Controller;
  requestIdOf: DeskParts['requestIdOf'];
  /** PEM of the CA of the other replicas' proxies; null: the system's. */
  ca: string | null;
  log: Logger;
}

const OPEN_AGAIN_MS = 1000;
/** The database's server is not there (yet), or has no room for one more: it may pass. */
const MAY_PASS = [
  ...['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT', 'ENOTFOUND', 'EAI_AGAIN'],
  ...['PROTOCOL_CONNECTION_LOST', 'ER_CON_COUNT_ERROR', 'ER_SERVER_SHUTDOWN', 'NO_ANSWER'],
];

/** One replica of several on one database: its controller runs while it leads, and its desk takes callers always. */
export class Replica {
  readonly handle: LiveMigrateHandler;
  readonly migrations: MigrationsSource;
  readonly election: Election;
  readonly #parts: ReplicaParts;
  readonly #stop = new AbortController();
  #opened = false;
  #opening: Promise<void> = Promise.resolve();
  #beginning: Promise<void> = Promise.resolve();

  constructor(parts: ReplicaParts) {
    this.#parts = parts;
    const { store, controller, replica, requestIdOf, ca, log } = parts;
    this.election = new Election({
      store,
      replica,
      log,
      elected: async (fence) => {
        store.fence = fence;
        this.#beginning = controller.start();
        await this.#beginning;
        log.info({ replica: replica.name, fence }, 'has taken over');
      },
      follows: () => controller.observe(),
      deposed: async () => {
        // Writes nothing more from now on, in whatever step it is.
        store.fence = 0;
        await this.#beginning.catch(() => {});
        await controller.stop();
      },
    });
    this.migrations = followersMigrations(controller.migrations, this.election, store, ca);
    const desk = createDesk({
      election: this.election,
      store,
      handle: (request, forward, handover) => controller.handle(request, forward, handover),
      doubtful: (handover) => controller.doubtful(handover),
      requestIdOf,
      ca,
      log,
    });
    this.handle = async (request, forward) => {
      const verdict = await desk(request, forward);
      // It waits: whichever replica its caller asks for the server next has read that by now.
      if (verdict.kind === 'accepted') await sleep(2 * WATCH_EVERY_MS, undefined, { ref: false });
      return verdict;
    };
  }

  /**
   * Opens the database; where its server does not answer yet, `begin` goes on trying.
   *
   * @throws DroverError `store-unavailable` where waiting does not help: a wrong password, no such database.
   */
  async openStore(): Promise<void> {
    const { store, log } = this.#parts;
    try {
      await store.start();
      this.#opened = true;
    } catch (error) {
      if (!mayPass(error)) throw error;
      log.error({ error: describeError(error) }, 'the database does not answer: requests go to Nova until it does');
    }
  }

  /** Why requests are not managed here now, null if they are. */
  get problem(): string | null {
    if (this.election.leader !== null) return null;
    return this.election.databaseReachable ? 'no replica leads' : 'the database does not answer';
  }

  /** Stands for election, in the background, as soon as the database is open. */
  async begin(): Promise<void> {
    this.#opening = this.#stand();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#opening;
    await this.election.stop();
  }

  async #stand(): Promise<void> {
    const { signal } = this.#stop;
    while (!this.#opened && !signal.aborted) {
      await sleep(OPEN_AGAIN_MS, undefined, { signal }).catch(() => {});
      this.#opened = await this.#parts.store.start().then(
        () => true,
        () => false,
      );
    }
    if (!signal.aborted) this.election.start();
  }
}

function mayPass(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && MAY_PASS.includes(String(cause.code));
}
