import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { dropLeases, putLeases } from '../../bandwidth/lease.ts';
import type { Decision, Reason } from '../../contract.ts';
import { describeError } from '../../errors.ts';
import type { NovaCalls, Submission } from '../../nova/control.ts';
import { newRequestId } from '../../proxy/live-migrate.ts';
import type { Tracker } from '../../tracker/tracker.ts';
import type { DecisionFacts } from '../plan/facts.ts';
import type { Entry, Queue } from '../queue.ts';
import type { Store, StoredMigration } from '../store/store.ts';
import { Drive, holdOf, leaseClients, trafficOf } from './drive.ts';
import { type End, measureOutcome } from './outcome.ts';

export interface ExecutionParts {
  store: Store;
  queue: Queue;
  tracker: Tracker;
  nova: NovaCalls;
  log: Logger;
  /** Called with each migration that has been followed to its end, or to where `stop` left it. */
  ended: (record: StoredMigration) => void;
  /** To plan again: something ended, or the time came to look. */
  wake: () => void;
}

/** A request that was under way when its answer was lost has reached Nova within this time, or never will. */
const LOST_AFTER_MS = 15_000;
const ASK_AGAIN_MS = 500;
/** An end of a migration that has not begun. */
const UNSEEN: End = { view: null, clock: { offsetMs: 0, errorMs: 0 } };

/** Takes the steps of a plan: each is written down before its effect, so that `recover` can go on after any crash. */
export class Execution {
  readonly #parts: ExecutionParts;
  readonly #queue: Queue;
  readonly #drives = new Map<number, { drive: Drive; done: Promise<void> }>();
  readonly #background = new Set<Promise<void>>();
  /** Code of the last warning of each that waits. */
  readonly #warned = new Map<number, string>();
  readonly #stop = new AbortController();

  constructor(parts: ExecutionParts) {
    this.#parts = parts;
    this.#queue = parts.queue;
  }

  /** Leaves running migrations to Nova; their leases live on for their time to live. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const { drive } of this.#drives.values()) drive.stop();
    await Promise.all([...this.#background, ...[...this.#drives.values()].map(({ done }) => done)]);
  }

  /** Something changed on a host: every running migration looks at once. */
  wakeDrives(): void {
    for (const { drive } of this.#drives.values()) drive.wake();
  }

  /** Keeps it waiting; a caller who has no answer yet is told 202 once that is on disk. */
  async hold(entry: Entry, reason: Reason, warning: Reason | null): Promise<void> {
    if (reason.code === 'batch-window') return;
    if (entry.state === 'received') {
      if (await this.#leftByClient(entry)) return;
      this.#queue.accept(await this.#queue.move(entry, 'queued', reason, { deferred: true }));
    } else if (entry.stateReason?.code !== reason.code) {
      await this.#queue.move(entry, 'queued', reason);
    }
    await this.#warn(entry, warning);
  }

  /** Nova is not asked; the caller, who has no answer yet, reads why. */
  async refuse(entry: Entry, reason: Reason): Promise<void> {
    if (await this.#leftByClient(entry)) return;
    await this.#end(entry, 'failed', reason);
    this.#queue.answer(entry.id, {
      kind: 'refused',
      message: reason.text,
      requestId: newRequestId(),
      microversion: entry.request.microversion,
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
    if (await this.#leftByClient(received)) return;
    await this.#warn(received, warning);
    this.#warned.delete(received.id);
    const { technique, strategy, priority } = decision;
    let entry = await this.#queue.move(
      received,
      'reserving',
      { code: 'decided', text: `${technique}, ${strategy}, priority ${priority}` },
      {
        decision,
        facts,
        outcome: measureOutcome(UNSEEN, UNSEEN, {
          before: trafficOf(received, this.#parts.tracker),
          during: null,
          after: null,
        }),
      },
    );
    // At the same time as Nova is asked: it makes its checks for a second before QEMU sends the first page.
    this.#inBackground(entry, this.#reserve(entry));
    entry = await this.#queue.move(
      entry,
      'submitted',
      { code: 'submitted', text: 'Nova is asked now' },
      { submittedAtMs: Date.now() },
    );
    this.#inBackground(entry, this.#submit(entry));
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
    const hold = holdOf(entry, tracker);
    for (const error of hold ? await putLeases(hold) : []) {
      log.warn({ migration: entry.id, error: error.message }, 'bandwidth is not reserved on a host');
      await store.note(entry.id, { code: 'not-reserved', text: error.message }, Date.now());
    }
  }

  /** Fails open: Nova migrates in its own way, Drover only watches and records. */
  async beginUnchanged(received: Entry, reason: Reason): Promise<void> {
    if (await this.#leftByClient(received)) return;
    this.#parts.log.warn({ migration: received.id, vm: received.vmName, reason }, 'goes to Nova unchanged');
    const entry = await this.#queue.move(received, 'submitted', reason, { submittedAtMs: Date.now() });
    this.#inBackground(entry, this.#submit(entry));
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
    else if (submission === 'not-reached')
      await this.#giveBack(entry, 'failed', { code: 'nova-unreachable', text: 'nova-api cannot be reached' });
    else if (submission.status === 202) this.#follow(entry);
    else
      await this.#end(entry, 'failed', { code: 'nova-refused', text: `Nova: ${submission.status} ${submission.text}` });
  }

  /** Changes the reservation of a running one. */
  async adjust(entry: Entry, reservation: Decision['reservation']): Promise<void> {
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
      this.#parts.ended(drive.record);
      this.#parts.wake();
    });
    this.#drives.set(entry.id, { drive, done });
  }

  // ---- after a crash, and after a lost answer

  /** Goes on with what an earlier run left in this state. */
  async recover(entry: Entry): Promise<void> {
    const { state, novaMigrationId } = entry;
    this.#parts.log.info({ migration: entry.id, vm: entry.vmName, state }, 'found unfinished');
    if (state === 'queued') return;
    if (state === 'received' || state === 'reserving') {
      const text = 'the plugin was restarted before Nova was asked';
      return this.#giveBack(entry, 'aborted', { code: 'restarted', text });
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
          if (Date.now() >= giveUpAtMs) {
            await this.#giveBack(entry, 'aborted', { code: 'never-reached-nova', text: 'Nova never took the request' });
            return this.#parts.wake();
          }
        } catch (error) {
          log.warn(
            { migration: entry.id, error: describeError(error) },
            'Nova does not tell whether it took a request',
          );
        }
        await sleep(ASK_AGAIN_MS);
      }
    };
    this.#inBackground(entry, look());
  }

  // ---- ends

  async #leftByClient(entry: Entry): Promise<boolean> {
    if (!this.#queue.waiter(entry.id)?.gone.aborted) return false;
    this.#queue.answer(entry.id, { kind: 'forward' });
    await this.#end(entry, 'aborted', { code: 'client-gone', text: 'the client left before it had an answer' });
    return true;
  }

  /** Nova has not taken it: what was accepted waits again; a caller without a 202 has to ask again. */
  async #giveBack(entry: Entry, state: 'failed' | 'aborted', reason: Reason): Promise<void> {
    if (!entry.deferred) return this.#end(entry, state, reason);
    await this.#dropLeases(entry);
    await this.#queue.move(entry, 'queued', reason);
  }

  async #end(entry: Entry, state: 'failed' | 'aborted', reason: Reason): Promise<void> {
    this.#parts.log.warn({ migration: entry.id, vm: entry.vmName, state, reason }, 'migration ended');
    this.#warned.delete(entry.id);
    await this.#dropLeases(entry);
    await this.#queue.move(entry, state, reason);
  }

  async #dropLeases(entry: Entry): Promise<void> {
    if (!entry.decision) return;
    await dropLeases(entry.id, leaseClients(entry, this.#parts.tracker));
  }
}
