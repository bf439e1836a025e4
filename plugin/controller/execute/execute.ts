import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Decision, Reason } from '../../contract.ts';
import { describeError } from '../../errors.ts';
import type { NovaCalls } from '../../nova/control.ts';
import { newRequestId } from '../../proxy/live-migrate.ts';
import type { Tracker } from '../../tracker/tracker.ts';
import type { Lookout } from '../lookout.ts';
import type { DecisionFacts } from '../plan/facts.ts';
import type { Entry, Queue } from '../queue.ts';
import type { Store, StoredMigration } from '../store/store.ts';
import type { Unmanaged } from '../unmanaged.ts';
import type { Waiter } from '../waiter.ts';
import { Background } from './background.ts';
import type { DriveParts } from './drive.ts';
import { Ending } from './ending.ts';
import { trafficOf } from './links.ts';
import { type End, measureOutcome } from './outcome.ts';
import { recover } from './recover.ts';
import { Reservations } from './reservations.ts';
import { Running } from './running.ts';
import { Submitting } from './submitting.ts';
import { DeadlineWarnings } from './warnings.ts';

export interface ExecutionParts {
  store: Store;
  queue: Queue;
  lookout: Lookout;
  tracker: Tracker;
  nova: NovaCalls;
  log: Logger;
  /** Called with each migration that has been followed to its end, or to where `stop` left it. */
  ended: (record: StoredMigration) => void;
  /** To plan again: something ended, or the time came to look. */
  wake: () => void;
  unmanaged: Unmanaged;
  notified?: DriveParts['notified'];
  asked?: DriveParts['asked'];
}

/** So long a stop waits for Nova's answers to callers that had none yet. */
const STOP_WITHIN_MS = 5000;
/** An end of a migration that has not begun. */
const UNSEEN: End = { view: null, clock: { offsetMs: 0, errorMs: 0 } };

/**
 * Takes the steps of a plan: each is written down before its effect, so that `recover` can go on after any crash. A step
 * that fails leaves nobody waiting: a caller gets Nova's answer, and what was accepted goes back to the queue.
 *
 * ```
 * begin ─→ reservations (leases on both hosts)
 *    └───→ submitting (asks Nova, once) ─→ running (a Drive follows it to its end)
 *                                    └───→ ending (Nova does not have it)
 * ```
 */
export class Execution {
  /** What Nova has. */
  readonly running: Running;
  readonly #parts: ExecutionParts;
  readonly #queue: Queue;
  readonly #reservations: Reservations;
  readonly #warnings: DeadlineWarnings;
  readonly #background: Background;
  readonly #ending: Ending;
  readonly #submitting: Submitting;
  readonly #stop = new AbortController();

  constructor(parts: ExecutionParts) {
    const { store, queue, lookout, tracker, nova, log, unmanaged, wake } = parts;
    const { signal } = this.#stop;
    this.#parts = parts;
    this.#queue = queue;
    const reservations = new Reservations({ store, tracker, log });
    const warnings = new DeadlineWarnings(store, log);
    const background = new Background(log);
    const ending = new Ending({ queue, reservations, warnings, log, signal });
    const refused = (entry: Entry, why: string) => background.run(entry, this.#submitting.withoutChosen(entry, why));
    const running = new Running({ ...parts, reservations, refused });
    const shared = { queue, lookout, nova, unmanaged, running, ending, background, wake, log, signal };
    this.#submitting = new Submitting(shared);
    this.#reservations = reservations;
    this.#warnings = warnings;
    this.#background = background;
    this.#ending = ending;
    this.running = running;
  }

  /** Callers get Nova's answers. Leaves running migrations to Nova; their leases live on for their time to live. */
  async stop(): Promise<void> {
    const reason: Reason = { code: 'stopping', text: 'the plugin stops: to Nova unchanged' };
    const waiting = this.#queue.entries().filter(({ id }) => this.#queue.waiter(id));
    const answered = Promise.all(waiting.map(({ id }) => this.handOver(id, reason)));
    await Promise.race([answered, sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
    this.#stop.abort();
    await Promise.all([this.#background.ended(), this.running.stop()]);
  }

  /** Goes on with what an earlier run left unfinished. */
  recover(entry: Entry): void {
    const { lookout, wake, log } = this.#parts;
    recover(entry, {
      ...{ queue: this.#queue, lookout, running: this.running, submitting: this.#submitting },
      ...{ ending: this.#ending, background: this.#background, wake, log },
    });
  }

  /** See Submitting. */
  handOver(id: number, reason: Reason): Promise<void> {
    return this.#submitting.handOver(id, reason);
  }

  /**
   * Keeps it waiting; a caller who has no answer yet is told 202 once that is on disk, if Nova would take the request
   * from that caller. If it would not, or does not tell, the request goes to Nova now and the caller reads its answer.
   */
  async hold(entry: Entry, reason: Reason, warning: Reason | null): Promise<void> {
    if (reason.code === 'batch-window') return;
    await this.#claimed(entry, async () => {
      if (entry.state === 'received') {
        const waiter = this.#queue.waiter(entry.id);
        if (await this.#ending.leftByClient(entry)) return;
        if ((await this.#accepted(entry, reason, waiter)) === null) return;
      } else if (entry.stateReason?.code !== reason.code) {
        await this.#queue.move(entry, 'queued', reason);
      }
      this.#queue.release(entry.id);
      await this.#warnings.warn(entry, warning);
    });
  }

  /**
   * Tells its caller 202 once that is on disk, if Nova would take the request from that caller. Null: the caller's own
   * request has gone to Nova.
   */
  async #accepted(entry: Entry, reason: Reason, waiter: Waiter | undefined): Promise<Entry | null> {
    if (waiter && !(await this.#mayWait(entry, waiter))) return null;
    const moved = await this.#queue.move(entry, 'queued', reason, { deferred: true });
    if (waiter?.sent) {
      // It took so long to write that the caller's request has gone to Nova meanwhile.
      this.#queue.claim(entry.id);
      const gone: Reason = { code: 'store-slow', text: 'the store took too long: went to Nova unchanged' };
      await this.#submitting.followUnchanged(moved, gone, await this.#submitting.forward(entry.id, waiter));
      return null;
    }
    this.#queue.accept(moved);
    return moved;
  }

  /** False: the caller's request has gone to Nova. */
  async #mayWait(entry: Entry, waiter: Waiter): Promise<boolean> {
    const taken = await waiter.wouldTake().catch((error: unknown) => {
      this.#parts.log.warn({ migration: entry.id, error: describeError(error) }, 'Nova does not tell what it would do');
      return false;
    });
    if (taken) return true;
    const text = 'Nova would not take it from its caller, or does not tell: its caller reads its own answer';
    const change = { submittedAtMs: Date.now() };
    const asked = await this.#queue.move(entry, 'submitted', { code: 'left-to-nova', text }, change);
    this.#background.run(asked, this.#submitting.submit(asked, waiter));
    return false;
  }

  /** Nova is not asked; the caller, who has no answer yet, reads why. */
  async refuse(entry: Entry, reason: Reason): Promise<void> {
    await this.#claimed(entry, async () => {
      if (await this.#ending.leftByClient(entry)) return;
      this.#queue.answer(entry.id, {
        kind: 'refused',
        message: reason.text,
        requestId: newRequestId(),
        microversion: entry.request.microversion,
      });
      await this.#ending.end(entry, 'failed', reason);
    });
  }

  /**
   * Reserves on both hosts, asks Nova, follows. One for which Drover chose the destination is accepted first and asked for
   * with Drover's account: Nova may not take that host, and is asked once more then. A caller's token does not last.
   */
  async begin(asked: Entry, decision: Decision, facts: DecisionFacts, warning: Reason | null): Promise<void> {
    await this.#claimed(asked, async () => {
      const chosen = decision.destination?.host ?? null;
      if (await this.#ending.leftByClient(asked)) return;
      const received = chosen === null ? asked : await this.#acceptedFor(asked, chosen);
      if (received === null) return;
      const waiter = this.#queue.waiter(received.id);
      const request = await this.#asWantedNow(received);
      if (request === null) return;
      await this.#warnings.warn(received, warning);
      this.#warnings.forget(received.id);
      const stale = decision.reasons.find(({ code }) => code === 'stale');
      if (stale) this.#parts.unmanaged.add('stale-samples', `decided without samples: ${stale.text}`, received.vmName);
      const { technique, strategy, priority } = decision;
      const reserving = await this.#queue.move(
        received,
        'reserving',
        { code: 'decided', text: `${technique}, ${strategy}, priority ${priority}` },
        {
          decision,
          facts,
          request,
          ...(chosen === null ? {} : { destination: chosen }),
          outcome: measureOutcome(UNSEEN, UNSEEN, {
            before: trafficOf({ ...received, destination: received.destination ?? chosen }, this.#parts.tracker),
            during: null,
            after: null,
          }),
        },
      );
      // At the same time as Nova is asked: it makes its checks for a second before QEMU sends the first page.
      this.#background.run(reserving, this.#reservations.put(reserving));
      const submitted = await this.#queue.move(
        reserving,
        'submitted',
        { code: 'submitted', text: 'Nova is asked now' },
        { submittedAtMs: Date.now() },
      );
      this.#background.run(submitted, this.#submitting.submit(submitted, waiter));
    });
  }

  /** Null: it does not begin now, or has gone to Nova as it came. */
  async #acceptedFor(asked: Entry, host: string): Promise<Entry | null> {
    if (asked.deferred) return asked;
    const reason: Reason = { code: 'destination-chosen', text: `goes to ${host}: Nova is asked at once` };
    const accepted = await this.#accepted(asked, reason, this.#queue.waiter(asked.id));
    // It is not in this one's hands any more since it waits.
    return accepted && this.#queue.claim(accepted.id) ? accepted : null;
  }

  /** Only one at a time has a waiting migration in hand; what fails in its hand is put right in the background. */
  async #claimed(entry: Entry, work: () => Promise<void>): Promise<void> {
    if (!this.#queue.claim(entry.id)) return;
    const waiter = this.#queue.waiter(entry.id);
    try {
      await work();
    } catch (error) {
      this.#background.run(entry, this.#rescue(entry.id, waiter, describeError(error)));
    }
  }

  /**
   * A step failed half way: its caller gets Nova's answer; what was accepted waits again, once that can be written. Where
   * nobody knows whether it was accepted, it is.
   */
  async #rescue(id: number, waiter: Waiter | undefined, text: string): Promise<void> {
    const entry = this.#queue.get(id);
    if (!entry) return;
    const reason: Reason = { code: 'step-failed', text };
    this.#parts.log.error({ migration: id, vm: entry.vmName, error: text }, 'a step failed');
    if (entry.handover !== null && this.#queue.doubtful(entry.handover)) return this.#acceptAtLast(entry, reason);
    // A caller whose request has gone to Nova meanwhile waits no more, and what Nova took is not to be forgotten.
    const isOpen = waiter !== undefined && (waiter.sent || this.#queue.waiter(id) === waiter);
    if (entry.deferred || !isOpen) return this.#ending.giveBack(entry, 'failed', reason);
    await this.#submitting.followUnchanged(entry, reason, await this.#submitting.forward(id, waiter));
  }

  /** The store did not say whether it took that this one waits: it may not go to Nova for its caller any more. */
  async #acceptAtLast(entry: Entry, reason: Reason): Promise<void> {
    const accepted = await this.#ending.persist(entry, () =>
      this.#queue.move(entry, 'queued', reason, { deferred: true }),
    );
    if (accepted) this.#queue.accept(accepted);
  }

  /**
   * One that has waited is asked for with other rights than its caller's: the server is looked at again first. Null: it
   * does not start now.
   */
  async #asWantedNow(entry: Entry): Promise<Entry['request'] | null> {
    if (!entry.deferred) return entry.request;
    const { lookout } = this.#parts;
    const newestBefore = (await lookout.mayStart(entry)) ? await lookout.newestBefore(entry) : null;
    if (newestBefore !== null) return { ...entry.request, newestBefore };
    this.#queue.release(entry.id);
    return null;
  }

  /** Fails open: Nova migrates in its own way, Drover only watches and records. */
  async beginUnchanged(received: Entry, reason: Reason): Promise<void> {
    await this.#claimed(received, async () => {
      const waiter = this.#queue.waiter(received.id);
      if (await this.#ending.leftByClient(received)) return;
      const request = await this.#asWantedNow(received);
      if (request === null) return;
      this.#parts.log.warn({ migration: received.id, vm: received.vmName, reason }, 'goes to Nova unchanged');
      this.#parts.unmanaged.add(reason.code, reason.text, received.vmName);
      const change = { request, submittedAtMs: Date.now() };
      const entry = await this.#queue.move(received, 'submitted', reason, change);
      this.#background.run(entry, this.#submitting.submit(entry, waiter));
    });
  }
}
