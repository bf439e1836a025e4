import type { Logger } from 'pino';
import { describeError } from './errors.ts';
import type { Journal } from './journal/journal.ts';

/** Who did what, and what was decided; what was refused too. One line in the log and one in the journal. */
export class Audit {
  readonly #journal: Journal;
  readonly #log: Logger;

  constructor(journal: Journal, log: Logger) {
    this.#journal = journal;
    this.#log = log.child({ audit: true });
  }

  /** @param decision `accepted`, or the code of why not. */
  note(
    who: string,
    action: string,
    target: string | null,
    decision: string,
    details: Record<string, unknown> = {},
  ): void {
    const line = { atMs: Date.now(), who, action, target, decision, details };
    this.#log.info(line, 'audit');
    this.#journal.audit(line).catch((error: unknown) => {
      this.#log.error({ error: describeError(error) }, 'the audit cannot be written');
    });
  }
}
