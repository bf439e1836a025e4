import type { Logger } from 'pino';
import type { HeldLeases } from '../../bandwidth/held.ts';
import { RENEW_EVERY_MS } from '../../bandwidth/lease.ts';
import type { Outcome } from '../../contract.ts';
import { describeError } from '../../errors.ts';
import type { DriveCalls, NovaMigration } from '../../nova/control.ts';
import { isFinal } from '../../nova/phase.ts';
import type { Tracker } from '../../tracker/tracker.ts';
import { Pause } from '../pause.ts';
import type { Store, StoredMigration } from '../store/store.ts';
import { nextQuestion, type Pace } from './cadence.ts';
import { endedByChosen } from './chosen.ts';
import { follow, type Observation, type Step } from './follow.ts';
import { holdOf, leaseClients, trafficOf } from './links.ts';
import { measureOutcome, RatesMean } from './outcome.ts';
import { wantedOf } from './wanted.ts';

export interface DriveParts {
  store: Store;
  tracker: Tracker;
  nova: DriveCalls;
  log: Logger;
  leases: HeldLeases;
  /** Called with every record that was written. */
  wrote: (record: StoredMigration) => void;
  /** Called when it has ended, before that is written. */
  over: () => void;
  /** Nova's notifications; absent: nobody listens. */
  notified?: Notified | undefined;
  /** Called with each question to Nova. */
  asked?: ((pace: Pace) => void) | undefined;
}

/** What is known of Nova's notifications. */
export interface Notified {
  /** The nova-compute of this host tells how a migration from it ends. */
  tells(host: string): boolean;
  /**
   * A migration from this host was completed; `told`: there was a notification of it. `seenRunningAtMs`: when Nova was
   * first seen not to have ended it, null: it had when it was looked at for the first time.
   */
  completed(host: string, told: boolean, seenRunningAtMs: number | null): void;
}

const IDLE_TICK_MS = 250;
const SAMPLE_EVERY_MS = 1000;
/** libvirt reports job-completed 1.6-1.9 s after QEMU's own end: how long the figures of both hosts are waited for. */
const FIGURES_WITHIN_MS = 4000;
/** The rates "after" are those of a whole window (5 s) that began after the end. */
const AFTER_MS = 6000;

/**
 * Takes one migration, from the moment Nova was asked, to its end: watches Nova and both hosts, switches the technique,
 * keeps the leases alive, writes every step, measures the outcome. A new Drive over the stored record continues after
 * a crash. `run` returns when the migration is in a final state; `stop` leaves it where it is.
 */
export class Drive {
  record: StoredMigration;
  /** Why it is followed no more though it has not ended: Nova does not take the host that Drover chose; null: it is. */
  refused: string | null = null;
  readonly #parts: DriveParts;
  readonly #stop = new AbortController();
  readonly #during = new RatesMean();
  #nova: NovaMigration | null = null;
  #novaAskedAtMs = 0;
  /** Nova has answered the last question. Without its answer nobody knows that there is no record. */
  #novaTold = false;
  #toldAtMs: number | null = null;
  #endToldAtMs: number | null = null;
  #seenRunningAtMs: number | null = null;
  #forcedAtMs: number | null = null;
  #renewedAtMs = 0;
  #sampledAtMs = 0;
  #forcedByHand = false;
  readonly #noted = new Set<string>();
  /** When a migration was last seen on the source; what was before this run nobody knows. */
  #sourceBusyAtMs = Date.now();
  readonly #pause = new Pause();

  constructor(record: StoredMigration, parts: DriveParts) {
    this.record = record;
    this.#parts = parts;
  }

  /** Somebody has asked Nova for force_complete past Drover: it is not asked again. */
  forcedByHand(): void {
    this.#forcedByHand = true;
    this.wake();
  }

  /** Nova has told something of it by a notification: what it is, Nova is asked at once. */
  told(what: 'ended' | 'changed'): void {
    this.#toldAtMs = Date.now();
    if (what === 'ended') this.#endToldAtMs = this.#toldAtMs;
    this.wake();
  }

  /** Something changed on a host: look at once. */
  wake(): void {
    this.#pause.end();
  }

  stop(): void {
    this.#stop.abort();
    this.#pause.end();
  }

  async run(): Promise<void> {
    const { log } = this.#parts;
    while (!this.#stop.signal.aborted) {
      try {
        // First: a step that cannot be written down must not cost the reservation.
        await this.#renew();
        await this.#look();
        const step: Step = this.#nova === null && !this.#novaTold ? { kind: 'wait' } : follow(this.#observe());
        if (step.kind === 'finish' && endedByChosen(this.record, step.reason)) {
          this.refused = step.reason.text;
          return;
        }
        if (step.kind === 'finish') {
          await this.#finish(step);
          return;
        }
        await this.#take(step);
      } catch (error) {
        log.warn({ migration: this.record.id, error: describeError(error) }, 'a step failed, it is taken again');
      }
      // Also while Nova does not answer: the guest's pages flow on.
      await this.#renew();
      await this.#pause.wait(Math.min(IDLE_TICK_MS, Math.max(1, this.#nextQuestion().atMs - Date.now())));
    }
  }

  #nextQuestion(): ReturnType<typeof nextQuestion> {
    const asking = {
      found: this.#nova !== null,
      askedAtMs: this.#novaAskedAtMs,
      toldAtMs: this.#toldAtMs,
      endToldAtMs: this.#endToldAtMs,
      tells: this.#parts.notified?.tells(this.record.source) ?? false,
    };
    return nextQuestion(asking, Date.now());
  }

  /** Reserves anew, with the rates of the record's decision as it is now. */
  async reserve(): Promise<void> {
    this.#renewedAtMs = 0;
    await this.#renew();
  }

  async #look(): Promise<void> {
    const { nova, store, tracker } = this.#parts;
    const { record } = this;
    const nowMs = Date.now();
    const { atMs, pace } = this.#nextQuestion();
    if (nowMs >= atMs) {
      this.#novaAskedAtMs = nowMs;
      this.#novaTold = false;
      this.#parts.asked?.(pace);
      this.#nova = await nova.find(wantedOf(record));
      this.#novaTold = true;
      const found = this.#nova;
      if (found && !isFinal(found.phase)) this.#seenRunningAtMs ??= nowMs;
      const destination = record.destination ?? found?.destination ?? null;
      if (found && (record.novaMigrationId !== found.id || record.destination !== destination)) {
        const { id, uuid } = found;
        this.#wrote(await store.update(record.id, { novaMigrationId: id, novaMigrationUuid: uuid, destination }));
      }
    }
    if (nowMs - this.#sampledAtMs >= SAMPLE_EVERY_MS && this.#sending()) {
      this.#sampledAtMs = nowMs;
      const rates = trafficOf(record, tracker);
      if (rates) this.#during.add(rates);
    }
  }

  /** QEMU sends pages now: Nova's own checks before and its tidying after do not share the link. */
  #sending(): boolean {
    const { source } = this.#observe();
    return source !== null && ['active', 'device', 'post-copy', 'post-copy-paused'].includes(source.status);
  }

  #observe(): Observation {
    const { tracker } = this.#parts;
    const { record } = this;
    const sinceMs = record.submittedAtMs ?? record.receivedAtMs;
    const permitted = (host: string | null) => tracker.hosts.get(host ?? '')?.info?.postCopy.permitted === true;
    return {
      nowMs: Date.now(),
      state: record.state,
      submittedAtMs: sinceMs,
      technique: record.decision?.technique ?? 'pre-copy',
      nova: this.#nova,
      source: tracker.migration(record.source, record.vmUuid, 'source', sinceMs),
      destination: tracker.migration(record.destination ?? '', record.vmUuid, 'destination', sinceMs),
      postCopyPermitted: permitted(record.source) && permitted(record.destination),
      forcedAtMs: this.#forcedAtMs,
      forcedByHand: this.#forcedByHand,
      sourceIdleSinceMs: this.#sourceIdleSinceMs(),
      noted: this.#noted,
    };
  }

  #sourceIdleSinceMs(): number | null {
    const views = this.#parts.tracker.hosts.get(this.record.source)?.migrations?.migrations ?? null;
    if (views === null) return null;
    const isBusy = views.some((view) => view.role === 'source' && view.endedAtMs === null);
    if (isBusy) this.#sourceBusyAtMs = Date.now();
    return isBusy ? null : this.#sourceBusyAtMs;
  }

  async #take(step: Exclude<Step, { kind: 'finish' }>): Promise<void> {
    const { store, nova, log } = this.#parts;
    const { record } = this;
    if (step.kind === 'note') {
      await store.note(record.id, step.reason, Date.now());
      this.#noted.add(step.reason.code);
    }
    if (step.kind === 'move') this.#wrote(await store.transition(record.id, step.state, step.reason, Date.now()));
    if (step.kind === 'force-complete' && record.novaMigrationId !== null) {
      if (record.state !== 'switching') {
        this.#wrote(await store.transition(record.id, 'switching', step.reason, Date.now()));
      }
      const status = await nova.forceComplete(record.vmUuid, record.novaMigrationId);
      // 400: Nova is not yet in `running`; it is asked again at the next look.
      if (status === 202) this.#forcedAtMs = Date.now();
      log.info({ migration: record.id, status }, 'asked Nova for force_complete');
    }
  }

  async #renew(): Promise<void> {
    const { tracker, log } = this.#parts;
    const { record } = this;
    if (!record.decision || Date.now() - this.#renewedAtMs < RENEW_EVERY_MS) return;
    this.#renewedAtMs = Date.now();
    for (const error of await this.#parts.leases.put(holdOf(record, tracker))) {
      log.warn({ migration: record.id, error: error.message }, 'bandwidth is not reserved on a host');
    }
  }

  async #finish(step: Extract<Step, { kind: 'finish' }>): Promise<void> {
    const { store, tracker, log } = this.#parts;
    const { record } = this;
    // At once: its links are free, and Nova takes another migration of this server.
    this.#parts.over();
    const errors = await this.#parts.leases.drop(leaseClients(record, tracker));
    for (const error of errors) log.warn({ migration: record.id, error: error.message }, 'a lease was not ended');
    const seen = await this.#figures(step.state === 'completed');
    const outcome = measureOutcome(
      { view: seen.source, clock: tracker.clockOf(record.source) },
      {
        view: seen.destination,
        clock: tracker.clockOf(record.destination),
      },
      { before: record.outcome?.workload.before ?? null, during: this.#during.value(), after: null },
    );
    if (step.state === 'completed') {
      this.#parts.notified?.completed(record.source, this.#endToldAtMs !== null, this.#seenRunningAtMs);
    }
    this.#wrote(await store.transition(record.id, step.state, step.reason, Date.now(), { outcome }));
    log.info({ migration: record.id, vm: record.vmName, state: step.state, outcome }, 'migration ended');
    this.#measureAfter(outcome);
  }

  #wrote(record: StoredMigration): void {
    this.record = record;
    this.#parts.wrote(record);
  }

  /** Waits, within FIGURES_WITHIN_MS, until both hosts have told the end, if they saw the beginning. */
  async #figures(completed: boolean): Promise<Observation> {
    const deadlineMs = Date.now() + (completed ? FIGURES_WITHIN_MS : 0);
    for (;;) {
      const seen = this.#observe();
      const nothing = seen.source === null && seen.destination === null;
      const whole = nothing || (seen.source?.endedAtMs != null && seen.destination?.resumedAtMs != null);
      if (whole || Date.now() >= deadlineMs || this.#stop.signal.aborted) return seen;
      await this.#pause.wait(IDLE_TICK_MS);
    }
  }

  #measureAfter(outcome: Outcome): void {
    const { store, tracker, log } = this.#parts;
    const { record } = this;
    const timer = setTimeout(() => {
      const after = trafficOf(record, tracker);
      store
        .update(record.id, { outcome: { ...outcome, workload: { ...outcome.workload, after } } })
        .catch((error: unknown) =>
          log.warn({ migration: record.id, error: describeError(error) }, 'rates after are lost'),
        );
    }, AFTER_MS);
    this.#stop.signal.addEventListener('abort', () => clearTimeout(timer));
  }
}
