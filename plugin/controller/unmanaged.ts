import type { Logger } from 'pino';
import type { Figures } from '../api/figures.ts';
import type { Notice } from '../contract.ts';
import { describeError } from '../errors.ts';

/** Told again for the same reason after this time at the earliest; what came between is counted. */
const TELL_EVERY_MS = 60_000;
const TRY_AGAIN_MS = 5000;

/**
 * What Drover could not manage: migrations that went to Nova unchanged (no policy, no hostd, a database that does not
 * work, a plan that failed), and those that were decided without samples. Each counts; a notice tells the first of each
 * reason, then at most one a minute with how many there were. A notice that cannot be written, as with a full disk, is
 * kept and written when the store works again.
 */
export class Unmanaged {
  readonly #write: (notice: Omit<Notice, 'id'>) => Promise<void>;
  readonly #figures: Figures;
  readonly #log: Logger;
  readonly #reasons = new Map<string, { toldAtMs: number; since: string[]; text: string }>();
  #timer: NodeJS.Timeout | null = null;
  #telling: Promise<void> = Promise.resolve();

  constructor(write: (notice: Omit<Notice, 'id'>) => Promise<void>, figures: Figures, log: Logger) {
    this.#write = write;
    this.#figures = figures;
    this.#log = log;
  }

  add(code: string, text: string, vm: string): void {
    this.#figures.addUnmanaged(code);
    const known = this.#reasons.get(code) ?? { toldAtMs: Number.NEGATIVE_INFINITY, since: [], text };
    known.since.push(vm);
    known.text = text;
    this.#reasons.set(code, known);
    this.#tell();
  }

  async stop(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#telling;
  }

  #tell(): void {
    this.#telling = this.#telling.then(() => this.#tellDue());
  }

  async #tellDue(): Promise<void> {
    const nowMs = Date.now();
    for (const [code, reason] of this.#reasons) {
      const { since, text } = reason;
      if (since.length === 0 || nowMs - reason.toldAtMs < TELL_EVERY_MS) continue;
      const vms = since.slice(0, MOST_NAMED);
      reason.since = [];
      reason.toldAtMs = nowMs;
      const many = since.length === 1 ? `${vms[0]}` : `${since.length} migrations`;
      try {
        await this.#write({ atMs: nowMs, code: 'unmanaged', text: `${many}: ${text} [${code}]`, details: vms });
      } catch (error) {
        this.#log.error(
          { code, migrations: since.length, error: describeError(error) },
          'a notice waits for the store',
        );
        reason.since = [...since, ...reason.since];
        reason.toldAtMs = nowMs - TELL_EVERY_MS + TRY_AGAIN_MS;
      }
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const due = [...this.#reasons.values()].filter(({ since }) => since.length > 0).map(({ toldAtMs }) => toldAtMs);
    if (due.length === 0) return;
    const waitMs = Math.max(0, Math.min(...due) + TELL_EVERY_MS - Date.now());
    this.#timer = setTimeout(() => this.#tell(), waitMs);
    this.#timer.unref();
  }
}

const MOST_NAMED = 20;
