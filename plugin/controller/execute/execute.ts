import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { HeldLeases } from '../../bandwidth/held.ts';
import type { Decision, Reason } from '../../contract.ts';
import { describeError } from '../../errors.ts';
import type { NovaCalls, Submission } from '../../nova/control.ts';
import { newRequestId } from '../../proxy/live-migrate.ts';
import { overlayId } from '../../proxy/overlay/identity.ts';
import type { ServerChange } from '../../proxy/touched.ts';
import type { Tracker } from '../../tracker/tracker.ts';
import type { Lookout } from '../lookout.ts';
import { persist } from '../persist.ts';
import type { DecisionFacts } from '../plan/facts.ts';
import type { Entry, Queue } from '../queue.ts';
import type { Store, StoredMigration } from '../store/store.ts';
import type { Unmanaged } from '../unmanaged.ts';
import type { Waiter } from '../waiter.ts';
import { Drive, type DriveParts, holdOf, leaseClients, trafficOf } from './drive.ts';
import { type End, measureOutcome } from './outcome.ts';
import { LOST_AFTER_MS, wasTaken } from './search.ts';

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
const CLIENT_GONE: Reason = { code: 'client-gone', text: 'the client left before it had an answer' };

/**
 * Takes the steps of a plan: each is written down before its effect, so that `recover` can go on after any crash. A
 * request goes to Nova once: a caller's own through its waiter; with the service's token only what was accepted
 * (`deferred`), and again only when Nova is sure that it never took it. A step that fails leaves nobody waiting: a
 * caller gets Nova's answer, and what was accepted goes back to the queue.
 */
export class Execution {
  readonly #parts: ExecutionParts;
  readonly #queue: Queue;
  readonly #drives = new Map<number, { drive: Drive; done: Promise<void> }>();
  readonly #held = new Map<number, HeldLeases>();
  readonly #background = new Set<Promise<void>>();
  /** Code of the last warning of each that waits. */
  readonly #warned = new Map<number, string>();
  readonly #stop = new AbortController();

  constructor(parts: ExecutionParts) {
    this.#parts = parts;
    this.#queue = parts.queue;
  }

  /** Callers get Nova's answers. Leaves running migrations to Nova; their leases live on for their time to live. */
  async stop(): Promise<void> {
    const reason: Reason = { code: 'stopping', text: 'the plugin stops: to Nova unchanged' };
    const waiting = this.#queue.entries().filter(({ id }) => this.#queue.waiter(id));
    const answered = Promise.all(waiting.map(({ id }) => this.handOver(id, reason)));
    await Promise.race([answered, sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
    this.#stop.abort();
    for (const { drive } of this.#drives.values()) drive.stop();
    await Promise.all([...this.#background, ...[...this.#drives.values()].map(({ done }) => done)]);
  }

  /** Something changed on a host: every running migration looks at once. */
  wakeDrives(): void {
    for (const { drive } of this.#drives.values()) drive.wake();
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
        if (await this.#leftByClient(entry)) return;
        if (waiter && !(await this.#mayWait(entry, waiter))) return;
        const moved = await this.#queue.move(entry, 'queued', reason, { deferred: true });
        if (waiter?.sent) {
          // It took so long to write that the caller's request has gone to Nova meanwhile.
          this.#queue.claim(entry.id);
          const gone: Reason = { code: 'store-slow', text: 'the store took too long: went to Nova unchanged' };
          return this.#followUnchanged(moved, gone, await this.#forward(entry.id, waiter));
        }
        this.#queue.accept(moved);
      } else if (entry.stateReason?.code !== reason.code) {
        await this.#queue.move(entry, 'queued', reason);
      }
      this.#queue.release(entry.id);
      await this.#warn(entry, warning);
    });
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
    this.#inBackground(asked, this.#submit(asked, waiter));
    return false;
  }

  /** Nova is not asked; the caller, who has no answer yet, reads why. */
  async refuse(entry: Entry, reason: Reason): Promise<void> {
    await this.#claimed(entry, async () => {
      if (await this.#leftByClient(entry)) return;
      this.#queue.answer(entry.id, {
        kind: 'refused',
        message: reason.text,
        requestId: newRequestId(),
        microversion: entry.request.microversion,
      });
      await this.#end(entry, 'failed', reason);
    });
  }

  /** Says once for each cause that a deadline is in danger. */
  async #warn({ id, vmName }: Entry, warning: Reason | null): Promise<void> {
    if (!warning || this.#warned.get(id) === warning.code) return;
    this.#warned.set(id, warning.code);
    this.#parts.log.warn({ migration: id, vm: vmName, reason: warning }, 'a deadline is in danger');
    await this.#parts.store.note(id, warning, Date.now());
  }

  /** Reserves on both hosts, asks Nova, follows. */
  async begin(received: Entry, decision: Decision, facts: DecisionFacts, warning: Reason | null): Promise<void> {
    await this.#claimed(received, async () => {
      const waiter = this.#queue.waiter(received.id);
      if (await this.#leftByClient(received)) return;
      const request = await this.#asWantedNow(received);
      if (request === null) return;
      await this.#warn(received, warning);
      this.#warned.delete(received.id);
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
          outcome: measureOutcome(UNSEEN, UNSEEN, {
            before: trafficOf(received, this.#parts.tracker),
            during: null,
            after: null,
          }),
        },
      );
      // At the same time as Nova is asked: it makes its checks for a second before QEMU sends the first page.
      this.#inBackground(reserving, this.#reserve(reserving));
      const submitted = await this.#queue.move(
        reserving,
        'submitted',
        { code: 'submitted', text: 'Nova is asked now' },
        { submittedAtMs: Date.now() },
      );
      this.#inBackground(submitted, this.#submit(submitted, waiter));
    });
  }

  /** Only one at a time has a waiting migration in hand; what fails in its hand is put right in the background. */
  async #claimed(entry: Entry, work: () => Promise<void>): Promise<void> {
    if (!this.#queue.claim(entry.id)) return;
    const waiter = this.#queue.waiter(entry.id);
    try {
      await work();
    } catch (error) {
      this.#inBackground(entry, this.#rescue(entry.id, waiter, describeError(error)));
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
    if (entry.deferred || !isOpen) return this.#giveBack(entry, 'failed', reason);
    await this.#followUnchanged(entry, reason, await this.#forward(id, waiter));
  }

  /** The store did not say whether it took that this one waits: it may not go to Nova for its caller any more. */
  async #acceptAtLast(entry: Entry, reason: Reason): Promise<void> {
    const accepted = await this.#persist(entry, () => this.#queue.move(entry, 'queued', reason, { deferred: true }));
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

  /** Nova and hostd take their time: other migrations are not planned later for it. */
  #inBackground(entry: Entry, work: Promise<void>): void {
    const done = work.catch((error: unknown) => {
      this.#parts.log.error({ migration: entry.id, error: describeError(error) }, 'a step failed');
    });
    this.#background.add(done);
    void done.then(() => this.#background.delete(done));
  }

  async #reserve(entry: Entry): Promise<void> {
    const { store, tracker, log } = this.#parts;
    for (const error of await this.#leases(entry.id).put(holdOf(entry, tracker))) {
      log.warn({ migration: entry.id, error: error.message }, 'bandwidth is not reserved on a host');
      await store.note(entry.id, { code: 'not-reserved', text: error.message }, Date.now());
    }
  }

  /** Fails open: Nova migrates in its own way, Drover only watches and records. */
  async beginUnchanged(received: Entry, reason: Reason): Promise<void> {
    await this.#claimed(received, async () => {
      const waiter = this.#queue.waiter(received.id);
      if (await this.#leftByClient(received)) return;
      const request = await this.#asWantedNow(received);
      if (request === null) return;
      this.#parts.log.warn({ migration: received.id, vm: received.vmName, reason }, 'goes to Nova unchanged');
      this.#parts.unmanaged.add(reason.code, reason.text, received.vmName);
      const change = { request, submittedAtMs: Date.now() };
      const entry = await this.#queue.move(received, 'submitted', reason, change);
      this.#inBackground(entry, this.#submit(entry, waiter));
    });
  }

  /**
   * Fails open without waiting for anything: the caller's request goes to Nova now, whatever becomes of the record.
   * Resolves when the caller has Nova's answer. Nothing happens if no caller waits.
   */
  async handOver(id: number, reason: Reason): Promise<void> {
    const entry = this.#queue.get(id);
    const waiter = this.#queue.waiter(id);
    if (!entry || !waiter) return;
    const ours = this.#queue.claim(id);
    if (waiter.gone.aborted && !waiter.sent) {
      this.#queue.answer(id, { kind: 'forward' });
      if (ours) this.#inBackground(entry, this.#end(entry, 'aborted', CLIENT_GONE));
      return;
    }
    this.#parts.log.warn({ migration: id, vm: entry.vmName, reason }, 'goes to Nova unchanged');
    this.#parts.unmanaged.add(reason.code, reason.text, entry.vmName);
    const submission = await this.#forward(id, waiter);
    // Whoever has it in hand goes on with the same answer.
    if (ours) this.#inBackground(entry, this.#followUnchanged(entry, reason, submission));
  }

  /** Sends the caller's own request, at most once, and hands on Nova's answer. */
  async #forward(id: number, waiter: Waiter): Promise<Submission> {
    const { submission, answer } = await this.#parts.nova.forwarded(() => waiter.forward());
    // Without an answer of Nova's the proxy tells the client what went wrong; it does not send a second time.
    this.#queue.answer(id, answer ? { kind: 'answered', answer } : { kind: 'forward' });
    return submission;
  }

  /** Writes down, as soon as that is possible, what has gone to Nova already. */
  async #followUnchanged(entry: Entry, reason: Reason, submission: Submission): Promise<void> {
    const change = { submittedAtMs: entry.submittedAtMs ?? entry.receivedAtMs, deferred: false };
    const submitted = await this.#persist(entry, () => this.#queue.move(entry, 'submitted', reason, change));
    if (submitted) await this.#settle(submitted, submission);
  }

  async #submit(entry: Entry, waiter: Waiter | undefined): Promise<void> {
    const submission = waiter
      ? await this.#forward(entry.id, waiter)
      : await this.#parts.nova.submit(entry.vmUuid, entry.request);
    await this.#settle(entry, submission);
  }

  async #settle(entry: Entry, submission: Submission): Promise<void> {
    if (submission === 'unknown') this.#findAgain(entry);
    else if (submission === 'not-reached')
      await this.#giveBack(entry, 'failed', { code: 'nova-unreachable', text: 'nova-api cannot be reached' });
    else if (submission.status === 202) this.#follow(entry);
    // It may have been carried out all the same (nova/compute/api.py, live_migrate: MessagingTimeout).
    else if (submission.status >= 500) this.#findAgain(entry);
    else await this.#refused(entry, { code: 'nova-refused', text: `Nova: ${submission.status} ${submission.text}` });
  }

  /** Nova says no. Something may have been done to the server since it was looked at: then that is the reason. */
  async #refused(entry: Entry, reason: Reason): Promise<void> {
    const { lookout } = this.#parts;
    const found = entry.deferred ? await lookout.judge(entry) : null;
    if (found?.kind === 'ended') return this.#end(entry, 'aborted', found.reason);
    if (found?.kind !== 'busy') return this.#end(entry, 'failed', reason);
    await this.#giveBack(entry, 'aborted', reason);
    const waiting = this.#queue.get(entry.id);
    if (waiting) await lookout.putOff(waiting, found.reason);
  }

  /** Changes the reservation of a running one. */
  async adjust(entry: Entry, reservation: Decision['reservation']): Promise<void> {
    const running = this.#drives.get(entry.id);
    if (!entry.decision || !running) return;
    try {
      running.drive.record = await this.#queue.update(entry, { decision: { ...entry.decision, reservation } });
      await running.drive.reserve();
    } catch (error) {
      // The next plan asks for it again.
      this.#parts.log.warn({ migration: entry.id, error: describeError(error) }, 'a reservation is not changed');
    }
  }

  /** Somebody has asked Nova itself to end or to force one that runs. */
  async interfered({ kind, serverId, novaMigrationId, token }: ServerChange): Promise<void> {
    const entry = this.#queue
      .entries()
      .find((one) => one.vmUuid === serverId && [one.novaMigrationId, overlayId(one.id)].includes(novaMigrationId));
    const running = entry && this.#drives.get(entry.id);
    if (!running) return;
    const { nova, store } = this.#parts;
    if (kind === 'force-complete') running.drive.forcedByHand();
    const caller = token === null ? null : await nova.caller(token).catch(() => null);
    const code = kind === 'abort' ? 'abort-asked' : 'forced-by-hand';
    const what = kind === 'abort' ? 'end' : 'force';
    await store.note(
      entry.id,
      { code, text: `user ${caller?.userId ?? 'unknown'} asked Nova to ${what} it` },
      Date.now(),
    );
  }

  /** Nova has told something of this server's migration by a notification. */
  told(vmUuid: string, what: 'ended' | 'changed'): void {
    for (const { drive } of this.#drives.values()) if (drive.record.vmUuid === vmUuid) drive.told(what);
  }

  /** Nova may have told something that nobody heard. */
  toldUnheard(): void {
    for (const { drive } of this.#drives.values()) drive.told('changed');
  }

  /** Another priority for one that Nova has: its reservation follows with the next plan, its lease says so at once. */
  async decideAnew(entry: Entry, decision: Decision): Promise<void> {
    const changed = await this.#queue.update(entry, { decision });
    const running = this.#drives.get(entry.id);
    if (!running) return;
    running.drive.record = changed;
    await running.drive.reserve();
  }

  #follow(entry: Entry): void {
    if (this.#stop.signal.aborted) return;
    const { store, tracker, nova, log } = this.#parts;
    const drive = new Drive(entry, {
      store,
      tracker,
      nova,
      log,
      leases: this.#leases(entry.id),
      wrote: (record) => this.#queue.replace(record),
      over: () => this.#queue.over(entry.id),
      notified: this.#parts.notified,
      asked: this.#parts.asked,
    });
    const done = drive.run().then(() => {
      this.#drives.delete(entry.id);
      this.#held.delete(entry.id);
      this.#parts.ended(drive.record);
      this.#parts.wake();
    });
    this.#drives.set(entry.id, { drive, done });
  }

  // ---- after a crash, and after a lost answer

  /** Goes on, in the background, with what an earlier run left in this state. */
  recover(entry: Entry): void {
    const { id, vmName, state, novaMigrationId } = entry;
    this.#parts.log.info({ migration: id, vm: vmName, state }, 'found unfinished');
    if (state === 'queued') return;
    if (state !== 'received' && state !== 'reserving') {
      if (state === 'submitted' && novaMigrationId === null) this.#findAgain(entry);
      else this.#follow(entry);
      return;
    }
    this.#queue.claim(id);
    const reason: Reason = { code: 'restarted', text: 'the plugin was restarted before Nova was asked' };
    const work = entry.deferred ? this.#giveBack(entry, 'aborted', reason) : this.#lookAgain(entry, reason);
    this.#inBackground(
      entry,
      work.then(() => this.#parts.wake()),
    );
  }

  /**
   * Its caller has no answer. Where the store failed its request may have gone to Nova all the same. A replica that hands
   * a request on has it still, and asks again once this one has ended: so nothing of an earlier leader may be on its way.
   */
  async #lookAgain(entry: Entry, reason: Reason): Promise<void> {
    const taken = await this.#wasTaken(entry, entry.handover === null ? 0 : LOST_AFTER_MS);
    if (taken) await this.#followUnchanged(entry, { ...reason, text: 'Nova has it' }, 'unknown');
    else if (taken === false) await this.#end(entry, 'aborted', reason);
  }

  /** Nova was asked, or was about to be: it knows. Asked again only when it is sure that it never took the request. */
  #findAgain(entry: Entry): void {
    const look = async (): Promise<void> => {
      const taken = await this.#wasTaken(entry, LOST_AFTER_MS);
      if (taken) this.#follow(entry);
      if (taken !== false) return;
      await this.#giveBack(entry, 'aborted', { code: 'never-reached-nova', text: 'Nova never took the request' });
      this.#parts.wake();
    };
    this.#inBackground(entry, look());
  }

  #wasTaken(entry: Entry, withinMs: number): Promise<boolean | null> {
    const { nova, log } = this.#parts;
    return wasTaken(entry, withinMs, { nova, log, signal: this.#stop.signal });
  }

  // ---- ends

  async #leftByClient(entry: Entry): Promise<boolean> {
    const waiter = this.#queue.waiter(entry.id);
    if (!waiter?.gone.aborted || waiter.sent) return false;
    this.#queue.answer(entry.id, { kind: 'forward' });
    await this.#end(entry, 'aborted', CLIENT_GONE);
    return true;
  }

  /** Nova has not taken it: what was accepted waits again; a caller without a 202 has to ask again. */
  async #giveBack(entry: Entry, state: 'failed' | 'aborted', reason: Reason): Promise<void> {
    if (!entry.deferred) return this.#end(entry, state, reason);
    await this.#dropLeases(entry);
    await this.#persist(entry, () => this.#queue.move(entry, 'queued', reason));
  }

  async #end(entry: Entry, state: 'failed' | 'aborted', reason: Reason): Promise<void> {
    this.#parts.log.warn({ migration: entry.id, vm: entry.vmName, state, reason }, 'migration ended');
    this.#warned.delete(entry.id);
    this.#queue.over(entry.id);
    await this.#dropLeases(entry);
    await this.#persist(entry, () => this.#queue.move(entry, state, reason));
  }

  async #dropLeases(entry: Entry): Promise<void> {
    if (entry.decision) await this.#leases(entry.id).drop(leaseClients(entry, this.#parts.tracker));
    this.#held.delete(entry.id);
  }

  #leases(id: number): HeldLeases {
    const held = this.#held.get(id) ?? new HeldLeases(id);
    this.#held.set(id, held);
    return held;
  }

  #persist<T>(entry: Entry, work: () => Promise<T>): Promise<T | null> {
    const what = `migration ${entry.id} of ${entry.vmName}`;
    return persist(work, { what, log: this.#parts.log, signal: this.#stop.signal });
  }
}
