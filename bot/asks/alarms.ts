import { type Job, scheduleJob } from 'node-schedule';
import type { Ask } from './ask.ts';
import type { Asks } from './asks.ts';

/** So long a name that means several servers waits for the choice. */
const CHOICE_MS = 30 * 60_000;
/** A timer that fires too early by its clock is set again. */
const LATE_MS = 50;
const AGAIN_MS = 10_000;

/** What happens by the clock: approvals and choices that nobody has given expire. Set anew after a restart. */
export class Alarms {
  readonly #asks: Asks;
  readonly #jobs = new Map<string, { atMs: number; job: Job }>();
  readonly #expired: (ask: Ask) => void;

  constructor(asks: Asks, expired: (ask: Ask) => void) {
    this.#asks = asks;
    this.#expired = expired;
  }

  watch(ask: Ask): void {
    const atMs = endsAtMs(ask);
    const known = this.#jobs.get(ask.id);
    if (known?.atMs === atMs) return;
    known?.job.cancel();
    this.#jobs.delete(ask.id);
    if (atMs === null) return;
    const dueMs = Math.max(Date.now() + LATE_MS, atMs);
    const job = scheduleJob(new Date(dueMs), () => this.#end(ask.id).catch(() => this.#again(ask.id)));
    this.#jobs.set(ask.id, { atMs, job });
  }

  stop(): void {
    for (const { job } of this.#jobs.values()) job.cancel();
    this.#jobs.clear();
  }

  /** The journal cannot be written now. */
  #again(id: string): void {
    const ask = this.#asks.get(id);
    if (ask) setTimeout(() => this.watch(ask), AGAIN_MS).unref();
  }

  async #end(id: string): Promise<void> {
    this.#jobs.delete(id);
    const ask = this.#asks.get(id);
    const atMs = ask ? endsAtMs(ask) : null;
    if (!ask || atMs === null) return;
    if (atMs > Date.now()) return this.watch(ask);
    const what = ask.state === 'choosing' ? 'chose which server is meant' : 'approved it';
    const result = await this.#asks.happen(id, { kind: 'expired', text: `nobody ${what} in time: nothing was moved` });
    if (result?.changed) this.#expired(result.ask);
  }
}

/** Null: the clock does not matter to it. */
function endsAtMs({ state, approval, askedAtMs }: Ask): number | null {
  if (state === 'choosing') return askedAtMs + CHOICE_MS;
  return state === 'awaiting-approval' ? (approval?.expiresAtMs ?? null) : null;
}
