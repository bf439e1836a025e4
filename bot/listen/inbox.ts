import type { Logger } from 'pino';
import { describeError } from '../errors.ts';
import type { Journal } from '../journal/journal.ts';
import { Heard } from './heard.ts';

/** What became of a delivery before it is acknowledged. */
export type Taken =
  /** It is on disk, or was before: it is or has been dealt with. */
  | 'taken'
  /** It is not known whether it is on disk. */
  | 'unsettled'
  /** It is not: nothing will come of it. */
  | 'lost';

/** Slack waits for 3 s. */
const WRITE_WITHIN_MS = 2000;
const AGAIN_MS = [1000, 2000, 5000, 15_000] as const;
const GIVE_UP_MS = 15 * 60_000;

/**
 * Everything that Slack brings is on disk before it is acknowledged, once; then it is dealt with, after a restart as
 * well, until that has worked.
 */
export class Inbox {
  readonly #journal: Journal;
  readonly #handle: (heard: Heard, delivery: string, atMs: number) => Promise<void>;
  readonly #log: Logger;
  readonly #atWork = new Set<Promise<void>>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopped = false;

  /** @param handle deals with it and marks it done; if it throws it is tried again. */
  constructor(journal: Journal, handle: (heard: Heard, delivery: string, atMs: number) => Promise<void>, log: Logger) {
    this.#journal = journal;
    this.#handle = handle;
    this.#log = log;
  }

  /** Deals with what an earlier bot had taken. */
  async start(): Promise<void> {
    for (const { identity, content, atMs } of await this.#journal.undone()) {
      this.#deal(Heard.parse(content), identity, atMs, 0);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#atWork);
  }

  async take(identity: string, heard: Heard, signature: string | null): Promise<Taken> {
    const atMs = Date.now();
    let late: NodeJS.Timeout | undefined;
    const written = this.#journal.hear({ identity, kind: heard.kind, content: heard, atMs }, signature).then(
      (isNew): Taken => {
        if (isNew) this.#deal(heard, identity, atMs, 0);
        else this.#log.info({ delivery: identity }, 'Slack brought the same again');
        return 'taken';
      },
      (error: unknown): Taken => {
        this.#log.error(
          { delivery: identity, error: describeError(error) },
          'what Slack brought cannot be written down',
        );
        return 'lost';
      },
    );
    const unsettled = new Promise<Taken>((resolve) => {
      late = setTimeout(() => resolve('unsettled'), WRITE_WITHIN_MS);
    });
    return Promise.race([written, unsettled]).finally(() => clearTimeout(late));
  }

  #deal(heard: Heard, identity: string, atMs: number, failures: number): void {
    if (this.#stopped) return;
    const work = this.#handle(heard, identity, atMs)
      .catch(async (error: unknown) => {
        this.#log.error({ delivery: identity, error: describeError(error) }, 'what Slack brought is dealt with later');
        if (Date.now() - atMs > GIVE_UP_MS) return this.#journal.done(identity);
        const timer = setTimeout(
          () => {
            this.#timers.delete(timer);
            this.#deal(heard, identity, atMs, failures + 1);
          },
          AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)] ?? 1000,
        );
        this.#timers.add(timer);
      })
      .catch(() => {})
      .finally(() => this.#atWork.delete(work));
    this.#atWork.add(work);
  }
}
