import type { Readiness } from '../contract.ts';
import { describeError } from '../errors.ts';

/** A check that takes longer has failed. */
const WITHIN_MS = 3000;
/** Probes ask often; the checks write and call. */
const KEEP_MS = 2000;

/** What must work before this plugin is given traffic. Each throws with the reason where it does not. */
export interface ReadinessChecks {
  store(): Promise<void>;
  policy(): Promise<void>;
  nova(): Promise<void>;
}

/** Runs the checks, at most every two seconds however many ask. */
export class ReadinessProbe {
  readonly #checks: ReadinessChecks;
  #last: { atMs: number; answer: Promise<Readiness> } | null = null;

  constructor(checks: ReadinessChecks) {
    this.#checks = checks;
  }

  read(nowMs = Date.now()): Promise<Readiness> {
    if (this.#last === null || nowMs - this.#last.atMs > KEEP_MS) this.#last = { atMs: nowMs, answer: this.#run() };
    return this.#last.answer;
  }

  async #run(): Promise<Readiness> {
    const checks = await Promise.all(
      (['store', 'policy', 'nova'] as const).map(async (name) => {
        try {
          await within(this.#checks[name]());
          return { name, ok: true, text: '' };
        } catch (error) {
          return { name, ok: false, text: describeError(error) };
        }
      }),
    );
    return { ready: checks.every(({ ok }) => ok), checks };
  }
}

async function within(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${WITHIN_MS / 1000} s`)), WITHIN_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
