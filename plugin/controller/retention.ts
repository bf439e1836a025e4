import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { z } from 'zod';
import { describeError } from '../errors.ts';
import type { PruneBefore } from './store/prune.ts';
import type { Store } from './store/store.ts';

const Days = z.number().int().min(1).max(36_500);

/** How long is kept what nobody needs to run on, in days. */
export const RetentionSettings = z.strictObject({
  /**
   * After their end, with their events: reports of a year and `policy diff` want them. The newest 2,000 stay in any case,
   * since durations are learned from them.
   */
  migrationDays: Days.default(400),
  /** Who asked for what: a year that is audited afterwards. */
  auditDays: Days.default(400),
  /** Of clients that repeat a request, for minutes or days at most. With the key its protection against repetition ends. */
  keyDays: Days.default(30),
  /** Policies that were loaded or refused, migrations that went to Nova unmanaged. */
  noticeDays: Days.default(100),
});
export type RetentionSettings = z.infer<typeof RetentionSettings>;

/** Durations are learned from the newest (run.ts); some more. */
const NEWEST_MIGRATIONS = 2000;
const DAY_MS = 86_400_000;
const EVERY_MS = 3_600_000;
/** A start has other things to do. */
const FIRST_AFTER_MS = 300_000;
/** Between two batches others have their turn. */
const BREATH_MS = 200;

export function pruneBefore(settings: RetentionSettings, nowMs: number): PruneBefore {
  const before = (days: number) => nowMs - days * DAY_MS;
  return {
    newestMigrations: NEWEST_MIGRATIONS,
    migrationsMs: before(settings.migrationDays),
    keysMs: before(settings.keyDays),
    auditMs: before(settings.auditDays),
    noticesMs: before(settings.noticeDays),
  };
}

/** Deletes, once an hour and in small batches, what is older than it is to be kept; where another replica leads, nothing. */
export class Retention {
  readonly #store: Pick<Store, 'prune' | 'fence'>;
  readonly #settings: RetentionSettings;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(store: Pick<Store, 'prune' | 'fence'>, settings: RetentionSettings, log: Logger) {
    this.#store = store;
    this.#settings = settings;
    this.#log = log;
  }

  start(firstAfterMs = FIRST_AFTER_MS): void {
    this.#loop = this.#run(firstAfterMs);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #run(firstAfterMs: number): Promise<void> {
    for (let waitMs = firstAfterMs; await this.#wait(waitMs); waitMs = EVERY_MS) {
      try {
        const rows = await this.#prune();
        if (rows > 0) this.#log.info({ rows }, 'deleted what was kept long enough');
      } catch (error) {
        this.#log.warn(
          { error: describeError(error) },
          'what was kept long enough cannot be deleted: in an hour again',
        );
      }
    }
  }

  async #prune(): Promise<number> {
    let rows = 0;
    const before = pruneBefore(this.#settings, Date.now());
    while (this.#store.fence > 0) {
      const batch = await this.#store.prune(before);
      rows += batch;
      if (batch === 0 || !(await this.#wait(BREATH_MS))) break;
    }
    return rows;
  }

  /** False: it stops. */
  async #wait(ms: number): Promise<boolean> {
    await sleep(ms, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {});
    return !this.#stop.signal.aborted;
  }
}
