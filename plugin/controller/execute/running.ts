import type { Logger } from 'pino';
import type { Decision } from '../../contract.ts';
import { describeError } from '../../errors.ts';
import type { NovaCalls } from '../../nova/control.ts';
import { overlayId } from '../../proxy/overlay/identity.ts';
import type { ServerChange } from '../../proxy/touched.ts';
import type { Tracker } from '../../tracker/tracker.ts';
import type { Entry, Queue } from '../queue.ts';
import type { Store, StoredMigration } from '../store/store.ts';
import { Drive, type DriveParts } from './drive.ts';
import type { Reservations } from './reservations.ts';

export interface RunningParts {
  store: Store;
  queue: Queue;
  tracker: Tracker;
  nova: NovaCalls;
  log: Logger;
  reservations: Reservations;
  /** Called with each that has been followed to its end, or to where `stop` left it. */
  ended: (record: StoredMigration) => void;
  /** Called with one whose chosen host Nova does not take, and why. */
  refused: (entry: Entry, why: string) => void;
  /** To plan again. */
  wake: () => void;
  notified?: DriveParts['notified'];
  asked?: DriveParts['asked'];
}

/** The migrations that Nova has, each followed by a Drive. */
export class Running {
  readonly #parts: RunningParts;
  readonly #drives = new Map<number, { drive: Drive; done: Promise<void> }>();
  #stopped = false;

  constructor(parts: RunningParts) {
    this.#parts = parts;
  }

  /** Leaves them to Nova; their leases live on for their time to live. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { drive } of this.#drives.values()) drive.stop();
    await Promise.all([...this.#drives.values()].map(({ done }) => done));
  }

  /** Every one of them looks at once. */
  wake(): void {
    for (const { drive } of this.#drives.values()) drive.wake();
  }

  /** Something changed on a host: those from and to it look at once. */
  hostChanged(host: string): void {
    for (const { drive } of this.#drives.values()) {
      const { source, destination } = drive.record;
      if (source === host || destination === host || destination === null) drive.wake();
    }
  }

  /** Follows one that Nova has taken to its end. */
  follow(entry: Entry): void {
    if (this.#stopped) return;
    const { store, tracker, nova, log } = this.#parts;
    const drive = new Drive(entry, {
      store,
      tracker,
      nova,
      log,
      leases: this.#parts.reservations.of(entry.id),
      wrote: (record) => this.#parts.queue.replace(record),
      over: () => {
        this.#parts.queue.over(entry.id);
        this.#parts.wake();
      },
      notified: this.#parts.notified,
      asked: this.#parts.asked,
    });
    const done = drive.run().then(() => {
      this.#drives.delete(entry.id);
      if (drive.refused !== null) {
        this.#parts.refused({ ...entry, ...drive.record }, drive.refused);
        return;
      }
      this.#parts.reservations.forget(entry.id);
      this.#parts.ended(drive.record);
      this.#parts.wake();
    });
    this.#drives.set(entry.id, { drive, done });
  }

  /** Changes the reservation of a running one. */
  async adjust(entry: Entry, reservation: Decision['reservation']): Promise<void> {
    const running = this.#drives.get(entry.id);
    if (!entry.decision || !running) return;
    try {
      running.drive.record = await this.#parts.queue.update(entry, { decision: { ...entry.decision, reservation } });
      await running.drive.reserve();
    } catch (error) {
      // The next plan asks for it again.
      this.#parts.log.warn({ migration: entry.id, error: describeError(error) }, 'a reservation is not changed');
    }
  }

  /** Somebody has asked Nova itself to end or to force one that runs. */
  async interfered({ kind, serverId, novaMigrationId, token }: ServerChange): Promise<void> {
    const entry = this.#parts.queue
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
    const changed = await this.#parts.queue.update(entry, { decision });
    const running = this.#drives.get(entry.id);
    if (!running) return;
    running.drive.record = changed;
    await running.drive.reserve();
  }
}
