import type { Logger } from 'pino';
import type { Reason } from '../../contract.ts';
import type { NovaCalls, Submission } from '../../nova/control.ts';
import type { Lookout } from '../lookout.ts';
import type { Entry, Queue } from '../queue.ts';
import type { Unmanaged } from '../unmanaged.ts';
import type { Waiter } from '../waiter.ts';
import type { Background } from './background.ts';
import { refusedReason, refusesChosen, requestOf } from './chosen.ts';
import { CLIENT_GONE, type Ending } from './ending.ts';
import type { Running } from './running.ts';
import { LOST_AFTER_MS, wasTaken } from './search.ts';

export interface SubmittingParts {
  queue: Queue;
  lookout: Lookout;
  nova: NovaCalls;
  unmanaged: Unmanaged;
  running: Running;
  ending: Ending;
  background: Background;
  /** To plan again. */
  wake: () => void;
  log: Logger;
  signal: AbortSignal;
}

/**
 * Asks Nova. A request goes there once: a caller's own through its waiter; with the service's token only what was
 * accepted (`deferred`), and again only when Nova is sure that it never took it.
 */
export class Submitting {
  readonly #parts: SubmittingParts;

  constructor(parts: SubmittingParts) {
    this.#parts = parts;
  }

  /**
   * Fails open without waiting for anything: the caller's request goes to Nova now, whatever becomes of the record.
   * Resolves when the caller has Nova's answer. Nothing happens if no caller waits.
   */
  async handOver(id: number, reason: Reason): Promise<void> {
    const entry = this.#parts.queue.get(id);
    const waiter = this.#parts.queue.waiter(id);
    if (!entry || !waiter) return;
    const ours = this.#parts.queue.claim(id);
    if (waiter.gone.aborted && !waiter.sent) {
      this.#parts.queue.answer(id, { kind: 'forward' });
      if (ours) this.#parts.background.run(entry, this.#parts.ending.end(entry, 'aborted', CLIENT_GONE));
      return;
    }
    this.#parts.log.warn({ migration: id, vm: entry.vmName, reason }, 'goes to Nova unchanged');
    this.#parts.unmanaged.add(reason.code, reason.text, entry.vmName);
    const submission = await this.forward(id, waiter);
    // Whoever has it in hand goes on with the same answer.
    if (ours) this.#parts.background.run(entry, this.followUnchanged(entry, reason, submission));
  }

  /** Sends the caller's own request, at most once, and hands on Nova's answer. */
  async forward(id: number, waiter: Waiter): Promise<Submission> {
    const { submission, answer } = await this.#parts.nova.forwarded(() => waiter.forward());
    // Without an answer of Nova's the proxy tells the client what went wrong; it does not send a second time.
    this.#parts.queue.answer(id, answer ? { kind: 'answered', answer } : { kind: 'forward' });
    return submission;
  }

  /** Writes down, as soon as that is possible, what has gone to Nova already. */
  async followUnchanged(entry: Entry, reason: Reason, submission: Submission): Promise<void> {
    const change = { submittedAtMs: entry.submittedAtMs ?? entry.receivedAtMs, deferred: false };
    const submitted = await this.#parts.ending.persist(entry, () =>
      this.#parts.queue.move(entry, 'submitted', reason, change),
    );
    if (submitted) await this.#settle(submitted, submission);
  }

  /** With the caller's own request while one waits, otherwise with Drover's account; follows what Nova takes. */
  async submit(entry: Entry, waiter: Waiter | undefined): Promise<void> {
    const submission = waiter
      ? await this.forward(entry.id, waiter)
      : await this.#parts.nova.submit(entry.vmUuid, requestOf(entry));
    await this.#settle(entry, submission);
  }

  async #settle(entry: Entry, submission: Submission): Promise<void> {
    if (submission === 'unknown') this.findAgain(entry);
    else if (submission === 'not-reached')
      await this.#parts.ending.giveBack(entry, 'failed', {
        code: 'nova-unreachable',
        text: 'nova-api cannot be reached',
      });
    else if (submission.status === 202) this.#parts.running.follow(entry);
    // It may have been carried out all the same (nova/compute/api.py, live_migrate: MessagingTimeout).
    else if (submission.status >= 500) this.findAgain(entry);
    else if (refusesChosen(entry, submission.status))
      await this.withoutChosen(entry, `${submission.status} ${submission.text}`);
    else await this.#refused(entry, { code: 'nova-refused', text: `Nova: ${submission.status} ${submission.text}` });
  }

  /** Nova does not take the host that Drover chose: it is asked once more without, when its turn comes. */
  async withoutChosen(entry: Entry, why: string): Promise<void> {
    await this.#parts.ending.giveBack(entry, 'failed', refusedReason(entry, why), true);
    this.#parts.wake();
  }

  /** Nova says no. Something may have been done to the server since it was looked at: then that is the reason. */
  async #refused(entry: Entry, reason: Reason): Promise<void> {
    const { lookout } = this.#parts;
    const found = entry.deferred ? await lookout.judge(entry) : null;
    if (found?.kind === 'ended') return this.#parts.ending.end(entry, 'aborted', found.reason);
    if (found?.kind !== 'busy') return this.#parts.ending.end(entry, 'failed', reason);
    await this.#parts.ending.giveBack(entry, 'aborted', reason);
    const waiting = this.#parts.queue.get(entry.id);
    if (waiting) await lookout.putOff(waiting, found.reason);
  }

  /** Nova was asked, or was about to be: it knows. Asked again only when it is sure that it never took the request. */
  findAgain(entry: Entry): void {
    const look = async (): Promise<void> => {
      const taken = await this.wasTaken(entry, LOST_AFTER_MS);
      if (taken) this.#parts.running.follow(entry);
      if (taken !== false) return;
      await this.#parts.ending.giveBack(entry, 'aborted', {
        code: 'never-reached-nova',
        text: 'Nova never took the request',
      });
      this.#parts.wake();
    };
    this.#parts.background.run(entry, look());
  }

  /** Null: stopped before it was known. */
  wasTaken(entry: Entry, withinMs: number): Promise<boolean | null> {
    const { nova, log } = this.#parts;
    return wasTaken(entry, withinMs, { nova, log, signal: this.#parts.signal });
  }
}
