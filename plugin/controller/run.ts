import type { Logger } from 'pino';
import { dropLeases, putLeases } from '../bandwidth/lease.ts';
import type { Contention, Decision, MigrationEvent, MigrationRecord, Outcome, Reason } from '../contract.ts';
import { describeError } from '../errors.ts';
import type { PolicyFile } from '../policy/watch.ts';
import type { LiveMigrateRequest, UpstreamAnswer, Verdict } from '../proxy/live-migrate.ts';
import type { Tracker } from '../tracker/tracker.ts';
import { type AdmissionCalls, admit } from './admit.ts';
import { Drive, holdOf, leaseClients, type NovaControl } from './drive.ts';
import { workloadRates } from './outcome.ts';
import { type Action, contentionLevels, plan, type World } from './plan.ts';
import { type Entry, Queue } from './queue.ts';
import { isFinal, type KeptRequest, type Store, type StoredMigration } from './store.ts';

/** How Nova took a request: its HTTP status, or that it was never reached, or that nobody knows. */
export type Submission = { status: number; text: string } | 'not-reached' | 'unknown';

/** What the controller asks of Nova beside what a Drive asks. */
export interface NovaCalls extends NovaControl, AdmissionCalls {
  /** Makes a kept request with the service's own token. Never throws. */
  submit(vmUuid: string, request: KeptRequest): Promise<Submission>;
  /** Makes the caller's own request. Never throws. */
  forwarded(forward: () => Promise<UpstreamAnswer>): Promise<{ submission: Submission; answer: UpstreamAnswer | null }>;
  /** Did Nova take a live migration of this VM at or after `sinceMs`? */
  wasIssued(vmUuid: string, sinceMs: number): Promise<boolean>;
  /** Nova's own 409 for a server that is already being migrated. */
  alreadyMigrating(vmUuid: string): UpstreamAnswer;
}

export interface ControllerParts {
  store: Store;
  tracker: Tracker;
  policy: PolicyFile;
  nova: NovaCalls;
  liveMigrateRoles: string[];
  log: Logger;
}

const TICK_MS = 1000;
/** A request that was under way when its answer was lost has reached Nova within this time, or never will. */
const LOST_AFTER_MS = 15_000;
const ASK_AGAIN_MS = 500;

/**
 * The reconcile loop: reads the world, computes the plan, takes its steps, and writes each down before its effect. It
 * can be killed anywhere: `start` finds every migration again that the store does not call finished.
 */
export class Controller {
  readonly #parts: ControllerParts;
  readonly #queue: Queue;
  readonly #drives = new Map<number, { drive: Drive; done: Promise<void> }>();
  readonly #stop = new AbortController();
  #contention: ReadonlyMap<string, Contention> = new Map();
  #loop: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};
  #woken = false;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#queue = new Queue(parts.store);
  }

  async start(): Promise<void> {
    for (const entry of await this.#queue.start()) await this.#recover(entry);
    this.#loop = this.#run();
  }

  /** Leaves running migrations to Nova; their leases live on for their time to live. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.wake();
    for (const { drive } of this.#drives.values()) drive.stop();
    await this.#loop;
    await Promise.all([...this.#drives.values()].map(({ done }) => done));
    this.#queue.stop();
  }

  /** Something changed: plan again, and let every running migration look. */
  wake(): void {
    this.#woken = true;
    this.#wake();
    for (const { drive } of this.#drives.values()) drive.wake();
  }

  /** What the proxy calls for every os-migrateLive. If it throws, the proxy sends the request to Nova unchanged. */
  async handle(request: LiveMigrateRequest, forward: () => Promise<UpstreamAnswer>): Promise<Verdict> {
    const { nova, liveMigrateRoles, policy, log } = this.#parts;
    const admission = await admit(request, nova, liveMigrateRoles);
    if (admission.kind === 'pass') {
      log.info({ vm: request.serverId, reason: admission.reason.code }, 'left to Nova');
      return { kind: 'forward' };
    }
    if (this.#queue.ofVm(request.serverId)) {
      return { kind: 'answered', answer: nova.alreadyMigrating(request.serverId) };
    }
    const { host, blockMigration, diskOverCommit, force, serverId, receivedAtMs } = request;
    const kept = { host, blockMigration, diskOverCommit, force, microversion: admission.microversion };
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    await this.#queue.add(serverId, admission, kept, receivedAtMs, { forward, answer: resolve, gone: request.signal });
    // The window counts from the arrival: Keystone and Nova were asked while it ran.
    const windowEndMs = receivedAtMs + (policy.policy?.batchWindowMs ?? 0);
    setTimeout(() => this.wake(), Math.max(0, windowEndMs - Date.now()));
    return promise;
  }

  // ---- what the control API shows

  async unfinished(): Promise<MigrationRecord[]> {
    return this.#queue.entries().map((entry) => this.#shown(entry));
  }

  async newest(limit: number): Promise<MigrationRecord[]> {
    return (await this.#parts.store.newest(limit)).map((record) => this.#shown(record));
  }

  async migration(id: number): Promise<MigrationRecord | null> {
    const record = await this.#parts.store.get(id);
    return record ? this.#shown(record) : null;
  }

  events(id: number): Promise<MigrationEvent[]> {
    return this.#parts.store.events(id);
  }

  #shown(record: StoredMigration): MigrationRecord {
    const { request: _request, server: _server, candidates: _candidates, ...shown } = record as Entry;
    if (isFinal(record.state) || record.submittedAtMs === null) return shown;
    const view = this.#parts.tracker.migration(record.source, record.vmUuid, 'source', record.submittedAtMs);
    if (!view) return shown;
    const { memoryRemainingBytes, memoryTotalBytes, iterations, transferBitsPerSecond } = view;
    return {
      ...shown,
      progress: {
        remainingBytes: memoryRemainingBytes,
        totalBytes: memoryTotalBytes,
        iteration: iterations,
        transferBitsPerSecond,
      },
    };
  }

  // ---- the loop

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#woken = false;
      try {
        // Together: a parallel gang is not spread out by the time that Nova takes for each answer.
        await Promise.all(this.#plan().map((action) => this.#act(action)));
      } catch (error) {
        this.#parts.log.error(
          { error: describeError(error) },
          'a round failed: callers that wait get their answer from Nova',
        );
        await this.#giveUpWaiting(describeError(error));
      }
      if (!this.#woken) await this.#sleep(TICK_MS);
    }
  }

  #plan(): Action[] {
    const { policy, tracker } = this.#parts;
    const entries = this.#queue.entries();
    if (entries.length === 0) return [];
    const waits = (entry: Entry) => entry.state === 'received' || entry.state === 'queued';
    const world: World = {
      nowMs: Date.now(),
      policy: policy.policy,
      queue: entries.filter(waits),
      inFlight: entries.filter((entry) => !waits(entry)),
      hosts: tracker.hosts,
      previousContention: this.#contention,
    };
    const actions = plan(world);
    this.#contention = contentionLevels(world);
    return actions;
  }

  async #act(action: Action): Promise<void> {
    const entry = this.#queue.get(action.id);
    if (!entry) return;
    switch (action.kind) {
      case 'start':
        return this.#begin(entry, action.decision);
      case 'pass':
        return this.#beginUnchanged(entry, action.reason);
      case 'hold':
        return this.#hold(entry, action.reason, action.untilMs);
      case 'adjust':
        return this.#adjust(entry, action.reservation);
    }
  }

  async #hold(entry: Entry, reason: Reason, untilMs: number | null): Promise<void> {
    if (untilMs !== null) setTimeout(() => this.wake(), Math.max(1, untilMs - Date.now())).unref();
    if (reason.code === 'batch-window') return;
    if (entry.state === 'received') {
      if (await this.#leftByClient(entry)) return;
      this.#queue.accept(await this.#queue.move(entry, 'queued', reason, { deferred: true }));
    } else if (entry.stateReason?.code !== reason.code) {
      await this.#queue.move(entry, 'queued', reason);
    }
  }

  async #begin(received: Entry, decision: Decision): Promise<void> {
    if (await this.#leftByClient(received)) return;
    const { technique, strategy, priority } = decision;
    let entry = await this.#queue.move(
      received,
      'reserving',
      { code: 'decided', text: `${technique}, ${strategy}, priority ${priority}` },
      { decision, outcome: this.#outcomeBefore(received) },
    );
    // At the same time as Nova is asked: it makes its checks for a second before QEMU sends the first page.
    const reserved = this.#reserve(entry);
    entry = await this.#queue.move(
      entry,
      'submitted',
      { code: 'submitted', text: 'Nova is asked now' },
      { submittedAtMs: Date.now() },
    );
    await Promise.all([this.#submit(entry), reserved]);
  }

  async #reserve(entry: Entry): Promise<void> {
    const { store, tracker, log } = this.#parts;
    const hold = holdOf(entry, tracker);
    for (const error of hold ? await putLeases(hold) : []) {
      log.warn({ migration: entry.id, error: error.message }, 'bandwidth is not reserved on a host');
      await store.note(entry.id, { code: 'not-reserved', text: error.message }, Date.now());
    }
  }

  /** Fails open: Nova migrates in its own way, Drover only watches and records. */
  async #beginUnchanged(received: Entry, reason: Reason): Promise<void> {
    if (await this.#leftByClient(received)) return;
    this.#parts.log.warn({ migration: received.id, vm: received.vmName, reason }, 'goes to Nova unchanged');
    await this.#submit(await this.#queue.move(received, 'submitted', reason, { submittedAtMs: Date.now() }));
  }

  async #submit(entry: Entry): Promise<void> {
    const { nova } = this.#parts;
    const waiter = this.#queue.waiter(entry.id);
    let submission: Submission;
    if (waiter) {
      const forwarded = await nova.forwarded(waiter.forward);
      submission = forwarded.submission;
      // Without an answer of Nova's the proxy tells the client what went wrong; it does not send a second time.
      this.#queue.answer(
        entry.id,
        forwarded.answer ? { kind: 'answered', answer: forwarded.answer } : { kind: 'forward' },
      );
    } else {
      submission = await nova.submit(entry.vmUuid, entry.request);
    }
    if (submission === 'unknown') this.#findAgain(entry);
    else if (submission === 'not-reached') await this.#notReached(entry);
    else if (submission.status === 202) this.#follow(entry);
    else
      await this.#end(entry, 'failed', { code: 'nova-refused', text: `Nova: ${submission.status} ${submission.text}` });
  }

  async #notReached(entry: Entry): Promise<void> {
    const reason = { code: 'nova-unreachable', text: 'nova-api cannot be reached' };
    if (!entry.deferred) return this.#end(entry, 'failed', reason);
    await this.#dropLeases(entry);
    await this.#queue.move(entry, 'queued', reason);
  }

  async #adjust(entry: Entry, reservation: Decision['reservation']): Promise<void> {
    const running = this.#drives.get(entry.id);
    if (!entry.decision || !running) return;
    const changed = await this.#queue.update(entry, { decision: { ...entry.decision, reservation } });
    running.drive.record = changed;
    await running.drive.reserve();
  }

  #follow(entry: Entry): void {
    const { store, tracker, nova, log } = this.#parts;
    const drive = new Drive(entry, { store, tracker, nova, log, wrote: (record) => this.#queue.replace(record) });
    const done = drive.run().then(() => {
      this.#drives.delete(entry.id);
      this.wake();
    });
    this.#drives.set(entry.id, { drive, done });
  }

  // ---- after a crash, and after a lost answer

  async #recover(entry: Entry): Promise<void> {
    const { state, deferred, novaMigrationId } = entry;
    this.#parts.log.info({ migration: entry.id, vm: entry.vmName, state }, 'found unfinished');
    if (state === 'queued') return;
    if (state === 'received' || state === 'reserving') {
      const reason = { code: 'restarted', text: 'the plugin was restarted before Nova was asked' };
      if (!deferred) return this.#end(entry, 'aborted', reason);
      await this.#dropLeases(entry);
      await this.#queue.move(entry, 'queued', reason);
      return;
    }
    if (state === 'submitted' && novaMigrationId === null) this.#findAgain(entry);
    else this.#follow(entry);
  }

  /** Nova was asked, or was about to be: it knows. Asked again only when it is sure that it never took the request. */
  #findAgain(entry: Entry): void {
    const { nova, log } = this.#parts;
    const giveUpAtMs = Date.now() + LOST_AFTER_MS;
    const look = async (): Promise<void> => {
      while (!this.#stop.signal.aborted) {
        const sinceMs = entry.submittedAtMs ?? entry.receivedAtMs;
        try {
          const found = await nova.find(entry.vmUuid, sinceMs, null);
          if (found || (await nova.wasIssued(entry.vmUuid, sinceMs))) return this.#follow(entry);
          if (Date.now() >= giveUpAtMs) return await this.#neverTaken(entry);
        } catch (error) {
          log.warn(
            { migration: entry.id, error: describeError(error) },
            'Nova does not tell whether it took a request',
          );
        }
        await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
      }
    };
    look().catch((error: unknown) =>
      log.error({ migration: entry.id, error: describeError(error) }, 'cannot be followed'),
    );
  }

  async #neverTaken(entry: Entry): Promise<void> {
    const reason = { code: 'never-reached-nova', text: 'Nova never took the request' };
    if (!entry.deferred) return this.#end(entry, 'aborted', reason);
    await this.#dropLeases(entry);
    await this.#queue.move(entry, 'queued', reason);
    this.wake();
  }

  // ---- ends

  async #leftByClient(entry: Entry): Promise<boolean> {
    if (!this.#queue.waiter(entry.id)?.gone.aborted) return false;
    this.#queue.answer(entry.id, { kind: 'forward' });
    await this.#end(entry, 'aborted', { code: 'client-gone', text: 'the client left before it had an answer' });
    return true;
  }

  async #end(entry: Entry, state: 'failed' | 'aborted', reason: Reason): Promise<void> {
    this.#parts.log.warn({ migration: entry.id, vm: entry.vmName, state, reason }, 'migration ended');
    await this.#dropLeases(entry);
    await this.#queue.move(entry, state, reason);
  }

  async #dropLeases(entry: Entry): Promise<void> {
    if (!entry.decision) return;
    await dropLeases(entry.id, leaseClients(entry, this.#parts.tracker));
  }

  /** What waits is not kept waiting by a fault of ours: it goes to Nova as it came. */
  async #giveUpWaiting(why: string): Promise<void> {
    for (const entry of this.#queue.entries()) {
      if (entry.state !== 'received' && entry.state !== 'queued') continue;
      try {
        await this.#beginUnchanged(entry, { code: 'plan-failed', text: why });
      } catch (error) {
        // Not even the store works: the caller's request needs neither.
        this.#parts.log.error({ migration: entry.id, error: describeError(error) }, 'cannot be recorded');
        this.#queue.answer(entry.id, { kind: 'forward' });
      }
    }
  }

  #outcomeBefore(entry: Entry): Outcome {
    const { hosts } = this.#parts.tracker;
    const source = hosts.get(entry.source)?.sample ?? null;
    const destination = hosts.get(entry.destination ?? '')?.sample ?? null;
    return {
      totalMigrationTimeMs: null,
      downtimeMs: null,
      transferredBytes: null,
      iterations: null,
      postCopySeen: false,
      workload: { before: workloadRates(entry.vmUuid, source, destination), during: null, after: null },
    };
  }

  #sleep(ms: number): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
