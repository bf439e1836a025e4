import { OpenStackError } from 'openstack-client-ts';
import type { Logger } from 'pino';
import { Figures } from '../api/figures.ts';
import { hostView } from '../api/hosts.ts';
import type {
  AuditEntry,
  Contention,
  HostView,
  MigrationEvent,
  MigrationRecord,
  MigrationsQuery,
  Notice,
  Plan,
  PolicyExplanation,
  ServersQuery,
  ServerView,
  WhatIfAnswer,
  WhatIfRequest,
} from '../contract.ts';
import { DroverError, describeError } from '../errors.ts';
import type { ServerEvent } from '../notifications/envelope.ts';
import { meaningOf } from '../notifications/meaning.ts';
import type { NovaCalls } from '../nova/control.ts';
import { globMatches } from '../policy/glob.ts';
import type { PolicyFiles } from '../policy/watch.ts';
import { type LiveMigrateRequest, newRequestId, type UpstreamAnswer, type Verdict } from '../proxy/live-migrate.ts';
import type { MigrationsSource } from '../proxy/overlay/request.ts';
import type { ServerChange } from '../proxy/touched.ts';
import type { Tracker } from '../tracker/tracker.ts';
import { admit } from './admit.ts';
import { Execution, type ExecutionParts } from './execute/execute.ts';
import { Experience } from './execute/experience.ts';
import { answerWhatIf, presentPlan } from './foresight.ts';
import { Lookout } from './lookout.ts';
import { Pause } from './pause.ts';
import { explainPolicy } from './plan/explain.ts';
import { factsOf } from './plan/facts.ts';
import type { LookAhead } from './plan/lookahead.ts';
import { type Action, contentionLevels, plan, planAhead, type World } from './plan/plan.ts';
import type { InFlightMigration, QueuedMigration } from './plan/world.ts';
import { type Entry, Queue, waits } from './queue.ts';
import { type RequestParts, Requests } from './requests.ts';
import { besideAnother } from './second.ts';
import { shown } from './show.ts';
import type { Store, StoredMigration } from './store/store.ts';
import { Unmanaged } from './unmanaged.ts';
import { Waiter } from './waiter.ts';
import { waitingMigrations } from './waiting.ts';

export interface ControllerParts {
  store: Store;
  tracker: Tracker;
  policy: PolicyFiles;
  nova: NovaCalls;
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

const TICK_MS = 1000;
/**
 * A caller is kept waiting that long beyond the batch window at most, whatever hangs (Keystone, Nova's reads, the store,
 * the plan); then its request goes to Nova as it came. What Nova itself takes to answer does not count.
 */
const HANDLE_WITHIN_MS = 10_000;
/** While plans fail, what was accepted waits that long for one that does not. */
const PLAN_FAILS_FOR_MS = 30_000;
/** At a start; 400 of each technique count. */
const RECORDS_TO_LEARN_FROM = 1500;

/** A request on its way into the queue. */
interface Taken {
  /** Null until it stands there. */
  id: number | null;
  /** Null until Keystone has told. */
  userId: string | null;
  /** What the replica that has it from its client calls it. */
  handover: string | null;
}

/**
 * The reconcile loop: reads the world, computes the plan, takes its steps, and writes each down before its effect. It
 * can be killed anywhere: `start` finds every migration again that the store does not call finished.
 */
export class Controller {
  readonly #parts: ControllerParts;
  readonly #queue: Queue;
  #execution: Execution;
  readonly #lookout: Lookout;
  #stop = new AbortController();
  #running = false;
  #contention: ReadonlyMap<string, Contention> = new Map();
  #loop: Promise<void> = Promise.resolve();
  readonly #pause = new Pause();
  #experience = new Experience([]);
  /** What the last round foresaw. */
  #ahead: LookAhead | null = null;
  /** Why nobody could look ahead in the last round; null: it was done. */
  #failure: string | null = null;
  #planFailsSinceMs: number | null = null;
  readonly figures = new Figures();
  readonly #unmanaged: Unmanaged;
  /** What is asked through the control API. */
  readonly #requests: Requests;
  /** What waits, for Nova's own lists. */
  readonly migrations: MigrationsSource;
  #started = false;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    const { store, nova, log } = parts;
    this.#queue = new Queue(store, (entry) => {
      this.figures.addEnded(entry);
      parts.ended?.(entry);
    });
    this.#unmanaged = new Unmanaged((notice) => store.addNotice(notice), this.figures, log);
    this.migrations = waitingMigrations(this.#queue, store, nova, log);
    this.#lookout = new Lookout(this.#queue, nova, log);
    this.#execution = this.#newExecution();
    this.#requests = new Requests({
      store,
      queue: this.#queue,
      execution: () => this.#execution,
      nova,
      liveMigrateRoles: parts.liveMigrateRoles,
      policy: () => parts.policy.policy,
      refusal: (migration) => this.#refusal(migration),
      wake: () => this.wake(),
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
    this.#loop = this.#run();
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

  /** Something changed: plan again, and let every running migration look. */
  wake(): void {
    this.#pause.end();
    this.#execution.wakeDrives();
  }

  /** What the proxy calls for every os-migrateLive. If it throws, the proxy sends the request to Nova unchanged. */
  async handle(
    request: LiveMigrateRequest,
    forward: () => Promise<UpstreamAnswer>,
    handover: string | null = null,
  ): Promise<Verdict> {
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    const waiter = new Waiter(forward, resolve, request.signal);
    const { policy, handleWithinMs = HANDLE_WITHIN_MS } = this.#parts;
    const withinMs = (policy.policy?.batchWindowMs ?? 0) + handleWithinMs;
    const taken: Taken = { id: null, userId: null, handover };
    const timer = setTimeout(() => this.#late(request, waiter, taken.id, withinMs), withinMs);
    const take = async () => {
      if (!this.#started) throw new DroverError('store-unavailable', 'the plugin has not read its database yet');
      const verdict = await this.#take(request, waiter, taken);
      return verdict ?? promise;
    };
    try {
      const verdict = await Promise.race([take(), promise]);
      this.#count(request, taken, verdict.kind);
      return verdict;
    } catch (error) {
      const code = error instanceof DroverError || error instanceof OpenStackError ? error.code : 'internal';
      this.#unmanaged.add(code, `goes to Nova unchanged: ${describeError(error)}`, request.serverId);
      this.#count(request, taken, 'failed');
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Who asked for what through the compute API, and what was decided. */
  #count(
    { serverId, host, receivedAtMs, clientAddress }: LiveMigrateRequest,
    { id, userId }: Taken,
    kind: string,
  ): void {
    this.figures.addVerdict(kind);
    const entry = id === null ? undefined : this.#queue.get(id);
    this.#parts.audit?.({
      ...{ atMs: receivedAtMs, who: userId ?? 'unknown', via: 'proxy', action: 'migrate', target: serverId },
      decision: kind,
      requestId: entry?.request.requestId ?? '',
      details: { destination: host, migration: id, address: clientAddress },
    });
  }

  /** The verdict, or null: it stands in the queue, and the waiter gets it. */
  async #take(request: LiveMigrateRequest, waiter: Waiter, taken: Taken): Promise<Verdict | null> {
    const { nova, liveMigrateRoles, log } = this.#parts;
    const admission = await admit(request, nova, liveMigrateRoles);
    if (waiter.sent) return null;
    if (this.#stop.signal.aborted) return { kind: 'forward' };
    if (admission.kind === 'pass') {
      log.info({ vm: request.serverId, reason: admission.reason.code }, 'left to Nova');
      return { kind: 'forward' };
    }
    taken.userId = admission.userId;
    const { microversion, newestBefore } = admission;
    // Asked again each time: two that come together must not both find it free.
    while (this.#queue.holds(request.serverId)) {
      const second = await besideAnother(request.serverId, this.#queue, () => this.#execution.wakeDrives());
      if (waiter.sent) return null;
      if (second === 'busy') return { kind: 'busy', requestId: newRequestId(), microversion };
      if (second === 'novas') return { kind: 'forward' };
    }
    const { host, blockMigration, diskOverCommit, force, serverId, receivedAtMs } = request;
    const asked = { host, blockMigration, diskOverCommit, force, microversion };
    const kept = { ...asked, requestId: newRequestId(), newestBefore };
    const { token } = request;
    waiter.wouldTake = async () => token !== null && (await nova.wouldTake(token, serverId, kept));
    const { id } = await this.#queue.add(serverId, admission, kept, receivedAtMs, taken.handover, waiter);
    taken.id = id;
    if (waiter.sent || this.#stop.signal.aborted) {
      const text = 'the store took too long to take it: went to Nova unchanged';
      await this.#execution.handOver(id, { code: 'store-slow', text });
    }
    // The batch window counts from the arrival: Keystone and Nova were asked while it ran.
    this.wake();
    return null;
  }

  /** Something hangs: the caller gets Nova's answer now. */
  #late({ serverId, signal }: LiveMigrateRequest, waiter: Waiter, id: number | null, withinMs: number): void {
    // Nova itself takes its time, or nobody waits any more.
    if (waiter.sent || signal.aborted) return;
    const text = `it was not decided within ${withinMs} ms: to Nova unchanged`;
    if (id !== null) {
      void this.#execution.handOver(id, { code: 'late', text });
      return;
    }
    this.#parts.log.error({ serverId, reason: text }, 'live migration goes to Nova unmanaged');
    this.#unmanaged.add('late', text, serverId);
    waiter.forward().then(
      (answer) => waiter.answer({ kind: 'answered', answer }),
      // The proxy tells the client what went wrong; it does not send a second time.
      () => waiter.answer({ kind: 'forward' }),
    );
  }

  /** What the proxy calls for each request that may have changed a server. */
  serverChanged(change: ServerChange): void {
    const told =
      change.kind === 'other' ? this.#lookout.serverChanged(change.serverId) : this.#execution.interfered(change);
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
    if (migration !== null) this.#execution.told(serverId, migration);
    const waiting = server && this.#queue.entries().some((entry) => entry.vmUuid === serverId && waits(entry));
    if (waiting) this.serverChanged({ kind: 'other', serverId, novaMigrationId: null, token: null });
  }

  /** What happened while nobody listened is asked for. */
  listening(): void {
    this.#execution.toldUnheard();
  }

  /** Whether this request of another replica's name waits as an accepted one is not known: the store did not say. */
  doubtful(handover: string): boolean {
    return this.#queue.doubtful(handover);
  }

  /** Why one would be refused for its deadline if it were asked for now and decided at once. */
  #refusal({ vmUuid, taken, asked }: Parameters<RequestParts['refusal']>[0]): string | null {
    const world = this.#world();
    const { source, destination, server, candidates } = taken;
    const startsAtMs = Math.max(world.nowMs, asked.notBeforeAtMs ?? 0);
    const wanted = { id: 0, vmUuid, source, destination, server, candidates, receivedAtMs: startsAtMs };
    const queue = [...world.queue, { ...wanted, asked, deadlineAtMs: asked.deadlineAtMs }];
    const policy = world.policy && { ...world.policy, batchWindowMs: 0 };
    const action = plan({ ...world, nowMs: startsAtMs + 1, policy, queue }).find(({ id }) => id === 0);
    return action?.kind === 'refuse' ? action.reason.text : null;
  }

  // ---- what the control API does and shows

  async ask(...asked: Parameters<Requests['ask']>): Promise<{ record: MigrationRecord; added: boolean }> {
    this.#mustDecide();
    const { record, added } = await this.#requests.ask(...asked);
    return { record: this.#shown(record), added };
  }

  async cancel(...asked: Parameters<Requests['cancel']>): Promise<MigrationRecord> {
    this.#mustDecide();
    return this.#shown(await this.#requests.cancel(...asked));
  }

  async setPriority(...asked: Parameters<Requests['setPriority']>): Promise<MigrationRecord> {
    this.#mustDecide();
    return this.#shown(await this.#requests.setPriority(...asked));
  }

  /** @throws DroverError `not-leader`: what is asked of the control API is decided where it is carried out. */
  #mustDecide(): void {
    if (this.#running && this.#started) return;
    throw new DroverError('not-leader', 'this one decides nothing now: another leads, or the database is not read yet');
  }

  #shown(record: StoredMigration): MigrationRecord {
    return shown(record, this.#parts.tracker, this.#ahead);
  }

  /** Nova's servers, by name. */
  async servers({ name, host, project, limit }: ServersQuery): Promise<ServerView[]> {
    const servers = await this.#parts.nova.servers(host ?? null);
    return servers
      .filter((server) => name === undefined || globMatches(name, server.name))
      .filter((server) => project === undefined || server.projectId === project)
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1))
      .slice(0, limit)
      .map(({ id, name, projectId, host, status, flavorName, memoryBytes }) => {
        return { id, name, projectId, host, status, flavorName, memoryBytes };
      });
  }

  hosts(): HostView[] {
    const { tracker, policy } = this.#parts;
    const moving = this.#queue.entries().filter((entry) => !waits(entry));
    const now = { nowMs: Date.now(), policy: policy.policy, moving };
    return [...tracker.hosts].map(([name, host]) => hostView(name, host, now));
  }

  async unfinished(): Promise<MigrationRecord[]> {
    return this.#queue.entries().map((entry) => this.#shown(entry));
  }

  /** Those that the store has, newest first. */
  async list(query: MigrationsQuery): Promise<MigrationRecord[]> {
    return (await this.#parts.store.list(query)).map((record) => this.#shown(record));
  }

  async migration(id: number): Promise<MigrationRecord | null> {
    const record = await this.#parts.store.get(id);
    return record ? this.#shown(record) : null;
  }

  events(id: number): Promise<MigrationEvent[]> {
    return this.#parts.store.events(id);
  }

  notices(after: number, limit: number): Promise<Notice[]> {
    return this.#parts.store.notices(after, limit);
  }

  plan(): Plan {
    return presentPlan(this.#world(), this.#queue.entries());
  }

  whatIf(request: WhatIfRequest): Promise<WhatIfAnswer> {
    return answerWhatIf(request, () => this.#world(), this.#queue.entries(), this.#parts.nova);
  }

  audit(before: number | null, limit: number): Promise<AuditEntry[]> {
    return this.#parts.store.audit(before, limit);
  }

  /** What the policy says of a server now; the server may be queued or any that Nova knows by that name or id. */
  async explain(vm: string, destination: string | null): Promise<PolicyExplanation> {
    const world = this.#world();
    const queued: QueuedMigration | undefined = world.queue.find(
      ({ vmUuid, server }) => vmUuid === vm || server.name === vm,
    );
    const migration = queued ?? (await this.#wouldBe(vm));
    const asked = destination === null ? migration : { ...migration, destination };
    if (!world.policy) throw new DroverError('policy-missing', 'no policy is in effect; GET /v1/policy says why');
    return explainPolicy(world, world.policy, asked);
  }

  async #wouldBe(vm: string): Promise<QueuedMigration> {
    const server = await this.#parts.nova.findServer(vm);
    if (!server) throw new DroverError('server-unknown', `Nova knows no server ${vm}, by name or id, or several`);
    const { id, host, ...facts } = server;
    if (host === null) throw new DroverError('server-unknown', `Nova names no host of ${vm}`);
    return { id: 0, vmUuid: id, source: host, destination: null, receivedAtMs: Date.now(), server: facts };
  }

  // ---- the loop

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      let untilMs = Date.now() + TICK_MS;
      this.#lookAround();
      const planned = this.#planned();
      if (planned) {
        const { world, actions } = planned;
        const ends = actions.flatMap((action) =>
          action.kind === 'hold' && action.untilMs !== null ? [action.untilMs] : [],
        );
        untilMs = Math.min(untilMs, ...ends);
        // Together: a parallel gang is not spread out by the time that Nova takes for each answer.
        await Promise.all(actions.map((action) => this.#act(world, action)));
      }
      await this.#pause.wait(Math.max(1, untilMs - Date.now()));
    }
  }

  /** Null: there is no plan to be had now. Callers that wait get their answer from Nova. */
  #planned(): { world: World; actions: Action[] } | null {
    try {
      const world = this.#world();
      const actions = this.#plan(world);
      this.#planFailsSinceMs = null;
      return { world, actions };
    } catch (error) {
      this.#planFailed(describeError(error));
      return null;
    }
  }

  #planFailed(why: string): void {
    const nowMs = Date.now();
    if (this.#planFailsSinceMs === null) {
      this.#parts.log.error({ error: why }, 'no plan can be made: callers that wait get their answer from Nova');
    }
    this.#planFailsSinceMs ??= nowMs;
    const lasts = nowMs - this.#planFailsSinceMs >= PLAN_FAILS_FOR_MS;
    const reason = { code: 'plan-failed', text: `${why}: to Nova unchanged` };
    for (const entry of this.#queue.entries().filter((each) => waits(each) && !isEarly(each, nowMs))) {
      if (this.#queue.waiter(entry.id)) void this.#execution.handOver(entry.id, reason);
      else if (lasts) void this.#execution.beginUnchanged(entry, reason);
    }
  }

  #lookAround(): void {
    this.#lookout.lookAround().catch((error: unknown) => {
      this.#parts.log.error({ error: describeError(error) }, 'a look at the servers of waiting migrations failed');
    });
  }

  #world(): World {
    const { policy, tracker } = this.#parts;
    return {
      nowMs: Date.now(),
      policy: policy.policy,
      queue: this.#queue
        .entries()
        .filter((entry) => waits(entry) && this.#lookout.isFree(entry.id) && !isEarly(entry, Date.now()))
        .map(asAskedFor),
      inFlight: this.#queue.inFlight().map((entry) => this.#inFlight(entry)),
      hosts: tracker.hosts,
      previousContention: this.#contention,
      calibration: this.#experience.calibration,
    };
  }

  /** With what its source's hostd sees of the stream. */
  #inFlight(entry: Entry): InFlightMigration {
    const { source, vmUuid, submittedAtMs } = entry;
    const view = submittedAtMs === null ? null : this.#parts.tracker.migration(source, vmUuid, 'source', submittedAtMs);
    if (!view || view.memoryTotalBytes === 0) return entry;
    const { memoryTransferredBytes: transferredBytes, memoryRemainingBytes: remainingBytes } = view;
    return { ...entry, stream: { transferredBytes, remainingBytes } };
  }

  #plan(world: World): Action[] {
    this.#ahead = null;
    if (world.queue.length === 0 && world.inFlight.length === 0) return [];
    const beganAtMs = performance.now();
    const { actions, ahead, failure } = planAhead(world);
    this.figures.addPlan((performance.now() - beganAtMs) / 1000);
    this.#ahead = ahead;
    this.#contention = contentionLevels(world);
    this.#sayOnce(failure);
    return actions;
  }

  /** That nobody can look ahead is worth one notice, not one a second. */
  #sayOnce(failure: string | null): void {
    if (failure === this.#failure) return;
    this.#failure = failure;
    if (failure === null) return;
    const { store, log } = this.#parts;
    log.error({ error: failure }, 'nobody can look ahead: decided by the order of the policy alone');
    const text = 'start times and ETAs cannot be told; migrations are decided all the same, by the order of the policy';
    store
      .addNotice({ atMs: Date.now(), code: 'lookahead-failed', text, details: [failure] })
      .catch((error: unknown) => {
        log.error({ error: describeError(error) }, 'a notice cannot be written down');
      });
  }

  async #act(world: World, action: Action): Promise<void> {
    try {
      await this.#step(world, action);
    } catch (error) {
      const text = `${describeError(error)}: to Nova unchanged`;
      this.#parts.log.error({ migration: action.id, error: describeError(error) }, 'a step failed');
      void this.#execution.handOver(action.id, { code: 'step-failed', text });
    }
  }

  async #step(world: World, action: Action): Promise<void> {
    const entry = this.#queue.get(action.id);
    if (!entry) return;
    switch (action.kind) {
      case 'start':
        return this.#execution.begin(entry, action.decision, factsOf(world, asAskedFor(entry)), action.warning);
      case 'pass':
        return this.#execution.beginUnchanged(entry, action.reason);
      case 'hold':
        return this.#execution.hold(entry, action.reason, action.warning);
      case 'refuse':
        return this.#execution.refuse(entry, action.reason);
      case 'adjust':
        return this.#execution.adjust(entry, action.reservation);
    }
  }
}

/** It was asked to start later. */
function isEarly({ asked }: Entry, nowMs: number): boolean {
  return (asked?.notBeforeAtMs ?? 0) > nowMs;
}

/** As the plan sees it: what starts later at its own wish has not waited before, and its own deadline counts. */
function asAskedFor(entry: Entry): Entry & Pick<QueuedMigration, 'deadlineAtMs'> {
  if (!entry.asked) return entry;
  const { notBeforeAtMs, deadlineAtMs } = entry.asked;
  return { ...entry, deadlineAtMs, receivedAtMs: Math.max(entry.receivedAtMs, notBeforeAtMs ?? 0) };
}
