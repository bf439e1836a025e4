import type { Logger } from 'pino';
import type { Content } from '../channel/content.ts';
import type { Replies } from '../channel/replies.ts';
import { describeError } from '../errors.ts';
import type { Ask } from './ask.ts';
import type { Asks } from './asks.ts';

export interface TellParts {
  asks: Asks;
  replies: Replies;
  /** What is said of an ask that came to nothing. */
  write: (ask: Ask) => Content;
  log: Logger;
}

const AGAIN_MS = [5000, 15_000, 60_000] as const;

/**
 * An ask that was refused before it had a message in the channel is answered to its asker alone. That it was is written
 * down after it: whoever is killed between the two is told again rather than never, as Slack does not say what somebody
 * alone has seen.
 */
export class Tell {
  readonly #parts: TellParts;
  readonly #failures = new Map<string, number>();
  readonly #atWork = new Map<string, Promise<void>>();
  /** Said, and not written down yet: that alone is tried again. */
  readonly #said = new Map<string, number | null>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopped = false;

  constructor(parts: TellParts) {
    this.#parts = parts;
  }

  /** As it is after a change, or after a restart. */
  watch(ask: Ask): void {
    if (this.#stopped || !isUntold(ask) || this.#atWork.has(ask.id)) return;
    const work = this.#tell(ask)
      .catch((error: unknown) => {
        this.#parts.log.warn({ ask: ask.id, error: describeError(error) }, 'an asker is told later');
        this.#again(ask);
      })
      .finally(() => {
        this.#atWork.delete(ask.id);
        const now = this.#parts.asks.get(ask.id);
        // Clicked on a name that was meant, and refused again meanwhile.
        if (now && now.endedAtMs !== ask.endedAtMs) this.watch(now);
      });
    this.#atWork.set(ask.id, work);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#atWork.values());
  }

  async #tell(ask: Ask): Promise<void> {
    const { asks, replies, write } = this.#parts;
    const { id, askedBy: user, channel, askedAtMs: atMs, responseUrl = null, endedAtMs } = ask;
    if (this.#said.get(id) !== endedAtMs) {
      if (!(await replies.answer({ user, channel, responseUrl, atMs }, write(ask)))) return this.#again(ask);
      this.#said.set(id, endedAtMs);
    }
    await asks.happen(id, { kind: 'told', endedAtMs });
    this.#said.delete(id);
    this.#failures.delete(id);
  }

  #again(ask: Ask): void {
    if (this.#stopped) return;
    const failures = this.#failures.get(ask.id) ?? 0;
    this.#failures.set(ask.id, failures + 1);
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        this.watch(this.#parts.asks.get(ask.id) ?? ask);
      },
      AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)] ?? AGAIN_MS[0],
    );
    this.#timers.add(timer);
  }
}

/** Where there is a message, it says so. */
function isUntold({ state, messageTs, told }: Ask): boolean {
  return state === 'refused' && messageTs === null && told === false;
}
