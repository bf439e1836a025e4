import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Decision, Reason } from '../../contract.ts';
import type { NovaCalls } from '../../nova/control.ts';
import { newRequestId } from '../../proxy/live-migrate.ts';
import type { Tracker } from '../../tracker/tracker.ts';
import type { Lookout } from '../lookout.ts';
import type { DecisionFacts } from '../plan/facts.ts';
import type { Entry, Queue } from '../queue.ts';
import type { Store, StoredMigration } from '../store/store.ts';
import type { Unmanaged } from '../unmanaged.ts';
import { Accepting } from './accepting.ts';
import { Background } from './background.ts';
import { Claims } from './claims.ts';
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
 * hold ──→ accepting (202 to the caller)
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
  readonly #accepting: Accepting;
  readonly #claims: Claims;
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
    const submitting = new Submitting(shared);
    const accepting = new Accepting({ queue, submitting, ending, background, log });
    this.#submitting = submitting;
    this.#accepting = accepting;
    this.#claims = new Claims({ queue, accepting, submitting, ending, background, log });
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

  /** Keeps it waiting; a caller who has no answer yet is told 202, or reads Nova's answer: see Accepting. */
  async hold(entry: Entry, reason: Reason, warning: Reason | null): Promise<void> {
    if (reason.code === 'batch-window') return;
    await this.#claims.run(entry, async () => {
      if (entry.state === 'received') {
        const waiter = this.#queue.waiter(entry.id);
        if (await this.#ending.leftByClient(entry)) return;
        if ((await this.#accepting.accept(entry, reason, waiter)) === null) return;
      } else if (entry.stateReason?.code !== reason.code) {
        await this.#queue.move(entry, 'queued', reason);
      }
      this.#queue.release(entry.id);
      await this.#warnings.warn(entry, warning);
    });
  }

  /** Nova is not asked; the caller, who has no answer yet, reads why. */
  async refuse(entry: Entry, reason: Reason): Promise<void> {
    await this.#claims.run(entry, async () => {
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
    await this.#claims.run(asked, async () => {
      const chosen = decision.destination?.host ?? null;
      if (await this.#ending.leftByClient(asked)) return;
      const received = chosen === null ? asked : await this.#accepting.acceptFor(asked, chosen);
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
    await this.#claims.run(received, async () => {
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
