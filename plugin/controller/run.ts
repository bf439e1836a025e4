import type { Logger } from 'pino';
import { Figures } from '../api/figures.ts';
import type { AuditEntry, MigrationRecord } from '../contract.ts';
import { DroverError, describeError } from '../errors.ts';
import type { ServerEvent } from '../notifications/envelope.ts';
import { meaningOf } from '../notifications/meaning.ts';
import type { NovaCalls } from '../nova/control.ts';
import type { RoomWatch } from '../placement/watch.ts';
import type { PolicyFiles } from '../policy/watch.ts';
import type { LiveMigrateRequest, UpstreamAnswer, Verdict } from '../proxy/live-migrate.ts';
import type { MigrationsSource } from '../proxy/overlay/request.ts';
import type { ServerChange } from '../proxy/touched.ts';
import type { Tracker } from '../tracker/tracker.ts';
import { Execution, type ExecutionParts } from './execute/execute.ts';
import { Experience } from './execute/experience.ts';
import { Intake } from './intake.ts';
import { Lookout } from './lookout.ts';
import { Outlook } from './outlook.ts';
import { Queue, waits } from './queue.ts';
import { Requests } from './requests.ts';
import { Rounds } from './rounds.ts';
import type { Store } from './store/store.ts';
import { Unmanaged } from './unmanaged.ts';
import { Views } from './views.ts';
import { waitingMigrations } from './waiting.ts';

export interface ControllerParts {
  store: Store;
  tracker: Tracker;
  policy: PolicyFiles;
  nova: NovaCalls;
  /** Of the hosts; absent: nobody asks Placement. */
  room?: Pick<RoomWatch, 'round' | 'ready' | 'room'>;
  liveMigrateRoles: string[];
  log: Logger;
  /** See HANDLE_WITHIN_MS. */
  handleWithinMs?: number;
  /** Called with each migration that ended. */
  ended?: (record: MigrationRecord) => void;
  /** What is known of Nova's notifications, where they are listened to. */
  notified?: ExecutionParts['notified'];
  /** Called with each live migration that came through the compute API, and what was decided. */
  audit?: (entry: Omit<AuditEntry, 'id'>) => void;
}

/** At a start; 400 of each technique count. */
const RECORDS_TO_LEARN_FROM = 1500;

/**
 * The migration controller, put together: what comes in (intake, requests) stands in the queue, rounds plan over the
 * outlook and take their steps through the execution, views show all of it. It can be killed anywhere: `start` finds
 * every migration again that the store does not call finished.
 */
export class Controller {
  readonly figures = new Figures();
  /** What the control API shows. */
  readonly views: Views;
  /** What waits, for Nova's own lists. */
  readonly migrations: MigrationsSource;
  readonly #parts: ControllerParts;
  readonly #queue: Queue;
  readonly #lookout: Lookout;
  readonly #unmanaged: Unmanaged;
  readonly #outlook: Outlook;
  readonly #rounds: Rounds;
  readonly #intake: Intake;
  /** What is asked through the control API. */
  readonly #requests: Requests;
  #execution: Execution;
  #experience = new Experience([]);
  #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #running = false;
  #started = false;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    const { store, tracker, policy, nova, room, liveMigrateRoles, log } = parts;
    const { figures } = this;
    this.#queue = new Queue(store, (entry) => {
      figures.addEnded(entry);
      parts.ended?.(entry);
    });
    const queue = this.#queue;
    const execution = () => this.#execution;
    const wake = () => this.wake();
    this.#unmanaged = new Unmanaged((notice) => store.addNotice(notice), figures, log);
    this.migrations = waitingMigrations(queue, store, nova, log);
    this.#lookout = new Lookout(queue, nova, log);
    const lookout = this.#lookout;
    const experience = () => this.#experience;
    const arriving = () => this.#intake.arriving();
    this.#outlook = new Outlook({ store, queue, lookout, tracker, policy, experience, figures, arriving, room, log });
    this.#rounds = new Rounds({ outlook: this.#outlook, lookout, queue, execution, room, log });
    this.views = new Views({ store, queue, outlook: this.#outlook, tracker, policy, nova });
    this.#execution = this.#newExecution();
    this.#intake = new Intake({
      ...{ queue, execution, policy, nova, liveMigrateRoles, figures, room, wake, log },
      unmanaged: this.#unmanaged,
      handleWithinMs: parts.handleWithinMs,
      audit: parts.audit,
      started: () => this.#started,
      stopping: () => this.#stop.signal.aborted,
    });
    this.#requests = new Requests({
      ...{ store, queue, execution, nova, liveMigrateRoles, room, wake },
      policy: () => policy.policy,
      refusal: (migration) => this.#outlook.refusal(migration),
    });
  }

  #newExecution(): Execution {
    const { store, tracker, nova, log } = this.#parts;
    return new Execution({
      store,
      queue: this.#queue,
      lookout: this.#lookout,
      tracker,
      nova,
      log,
      unmanaged: this.#unmanaged,
      wake: () => this.wake(),
      ended: (record) => this.#experience.add(record),
      notified: this.#parts.notified,
      asked: (pace) => this.figures.addAsked(pace),
    });
  }

  /** Begins, with whatever an earlier run or another replica left unfinished; also again after `stop`. */
  async start(): Promise<void> {
    this.#running = true;
    if (this.#stop.signal.aborted) {
      this.#stop = new AbortController();
      this.#execution = this.#newExecution();
    }
    this.#experience = new Experience((await this.#parts.store.newest(RECORDS_TO_LEARN_FROM)).reverse());
    for (const entry of await this.#queue.start()) this.#execution.recover(entry);
    this.#started = true;
    this.#loop = this.#rounds.run(this.#stop.signal);
  }

  /** Leaves running migrations to Nova; their leases live on for their time to live. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#loop;
    await this.#execution.stop();
    this.#queue.stop();
    await this.#unmanaged.stop();
    this.#running = false;
  }

  /** Reads what another replica that leads has written: it is shown while this one does nothing. */
  async observe(): Promise<void> {
    const records = await this.#parts.store.unfinished();
    if (!this.#running) this.#queue.show(records);
  }

  /** Something changed: plan again. */
  wake(): void {
    this.#rounds.wake();
  }

  /** Migrations got on there. What that is to the plan, the next round sees; it comes within a second. */
  hostChanged(host: string): void {
    this.#execution.running.hostChanged(host);
  }

  /** What the proxy calls for every os-migrateLive. If it throws, the proxy sends the request to Nova unchanged. */
  handle(
    request: LiveMigrateRequest,
    forward: () => Promise<UpstreamAnswer>,
    handover: string | null = null,
  ): Promise<Verdict> {
    return this.#intake.handle(request, forward, handover);
  }

  /** What the proxy calls for each request that may have changed a server. */
  serverChanged(change: ServerChange): void {
    const told =
      change.kind === 'other'
        ? this.#lookout.serverChanged(change.serverId)
        : this.#execution.running.interfered(change);
    told
      .catch((error: unknown) => {
        this.#parts.log.error({ vm: change.serverId, error: describeError(error) }, 'a change was not taken in');
      })
      .then(() => this.wake());
  }

  /** Servers that have a migration here; none where another replica decides. */
  get watched(): ReadonlySet<string> {
    return new Set(this.#running ? this.#queue.entries().map(({ vmUuid }) => vmUuid) : []);
  }

  /** Nova has told by a notification that something happened to a server: whoever has to do with it asks Nova. */
  notified({ serverId, eventType }: Pick<ServerEvent, 'serverId' | 'eventType'>): void {
    if (!this.#running) return;
    const { migration, server } = meaningOf(eventType);
    if (migration !== null) this.#execution.running.told(serverId, migration);
    const waiting = server && this.#queue.entries().some((entry) => entry.vmUuid === serverId && waits(entry));
    if (waiting) this.serverChanged({ kind: 'other', serverId, novaMigrationId: null, token: null });
  }

  /** What happened while nobody listened is asked for. */
  listening(): void {
    this.#execution.running.toldUnheard();
  }

  /** Whether this request of another replica's name waits as an accepted one is not known: the store did not say. */
  doubtful(handover: string): boolean {
    return this.#queue.doubtful(handover);
  }

  // ---- what the control API does

  async ask(...asked: Parameters<Requests['ask']>): Promise<{ record: MigrationRecord; added: boolean }> {
    this.#mustDecide();
    const { record, added } = await this.#requests.ask(...asked);
    return { record: this.views.shown(record), added };
  }

  async cancel(...asked: Parameters<Requests['cancel']>): Promise<MigrationRecord> {
    this.#mustDecide();
    return this.views.shown(await this.#requests.cancel(...asked));
  }

  async setPriority(...asked: Parameters<Requests['setPriority']>): Promise<MigrationRecord> {
    this.#mustDecide();
    return this.views.shown(await this.#requests.setPriority(...asked));
  }

  /** @throws DroverError `not-leader`: what is asked of the control API is decided where it is carried out. */
  #mustDecide(): void {
    if (this.#running && this.#started) return;
    throw new DroverError('not-leader', 'this one decides nothing now: another leads, or the database is not read yet');
  }
}
