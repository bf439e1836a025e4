import { OpenStackError } from 'openstack-client-ts';
import type { Logger } from 'pino';
import type { Figures } from '../api/figures.ts';
import type { AuditEntry } from '../contract.ts';
import { DroverError, describeError } from '../errors.ts';
import type { NovaCalls } from '../nova/control.ts';
import type { RoomWatch } from '../placement/watch.ts';
import type { PolicyFiles } from '../policy/watch.ts';
import { type LiveMigrateRequest, newRequestId, type UpstreamAnswer, type Verdict } from '../proxy/live-migrate.ts';
import { admit } from './admit.ts';
import { besideAnother } from './beside-another.ts';
import type { Execution } from './execute/execute.ts';
import type { Queue } from './queue.ts';
import type { Unmanaged } from './unmanaged.ts';
import { Waiter } from './waiter.ts';

export interface IntakeParts {
  queue: Queue;
  /** Another one after each start. */
  execution: () => Execution;
  policy: PolicyFiles;
  nova: NovaCalls;
  liveMigrateRoles: string[];
  /** See HANDLE_WITHIN_MS. */
  handleWithinMs?: number | undefined;
  unmanaged: Unmanaged;
  room?: Pick<RoomWatch, 'ready'> | undefined;
  figures: Figures;
  audit?: ((entry: Omit<AuditEntry, 'id'>) => void) | undefined;
  /** The database has been read. */
  started: () => boolean;
  stopping: () => boolean;
  /** To plan again. */
  wake: () => void;
  log: Logger;
}

/**
 * A caller is kept waiting that long beyond the batch window at most, whatever hangs (Keystone, Nova's reads, the store,
 * the plan); then its request goes to Nova as it came. What Nova itself takes to answer does not count.
 */
const HANDLE_WITHIN_MS = 10_000;

/** A request on its way into the queue. */
interface Taken {
  receivedAtMs: number;
  /** Null until it stands there. */
  id: number | null;
  /** Null until Keystone has told. */
  userId: string | null;
  /** What the replica that has it from its client calls it. */
  handover: string | null;
}

/** Takes live migrations that come through the compute API: each gets a verdict in time, or goes to Nova unchanged. */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #arriving = new Set<Taken>();

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** What the proxy calls for every os-migrateLive. If it throws, the proxy sends it to Nova unchanged. */
  async handle(
    request: LiveMigrateRequest,
    forward: () => Promise<UpstreamAnswer>,
    handover: string | null,
  ): Promise<Verdict> {
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    const waiter = new Waiter(forward, resolve, request.signal);
    const { policy, handleWithinMs = HANDLE_WITHIN_MS } = this.#parts;
    const withinMs = (policy.policy?.batchWindowMs ?? 0) + handleWithinMs;
    const taken: Taken = { receivedAtMs: request.receivedAtMs, id: null, userId: null, handover };
    const timer = setTimeout(() => this.#late(request, waiter, taken.id, withinMs), withinMs);
    const take = async () => {
      if (!this.#parts.started())
        throw new DroverError('store-unavailable', 'the plugin has not read its database yet');
      this.#arriving.add(taken);
      const verdict = await this.#take(request, waiter, taken).finally(() => this.#arrived(taken));
      return verdict ?? promise;
    };
    try {
      const verdict = await Promise.race([take(), promise]);
      this.#count(request, taken, verdict.kind);
      return verdict;
    } catch (error) {
      const code = error instanceof DroverError || error instanceof OpenStackError ? error.code : 'internal';
      this.#parts.unmanaged.add(code, `goes to Nova unchanged: ${describeError(error)}`, request.serverId);
      this.#count(request, taken, 'failed');
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** When those arrived that are being admitted: their batch waits for them. */
  arriving(): number[] {
    return [...this.#arriving].map(({ receivedAtMs }) => receivedAtMs);
  }

  #arrived(taken: Taken): void {
    this.#arriving.delete(taken);
    // The batch window counts from the arrival: Keystone and Nova were asked while it ran.
    this.#parts.wake();
  }

  /** Who asked for what through the compute API, and what was decided. */
  #count(
    { serverId, host, receivedAtMs, clientAddress }: LiveMigrateRequest,
    { id, userId }: Taken,
    kind: string,
  ): void {
    this.#parts.figures.addVerdict(kind);
    const entry = id === null ? undefined : this.#parts.queue.get(id);
    this.#parts.audit?.({
      ...{ atMs: receivedAtMs, who: userId ?? 'unknown', via: 'proxy', action: 'migrate', target: serverId },
      decision: kind,
      requestId: entry?.request.requestId ?? '',
      details: { destination: host, migration: id, address: clientAddress },
    });
  }

  /** The verdict, or null: it stands in the queue, and the waiter gets it. */
  async #take(request: LiveMigrateRequest, waiter: Waiter, taken: Taken): Promise<Verdict | null> {
    const { nova, liveMigrateRoles, room, log } = this.#parts;
    const [admission] = await Promise.all([admit(request, nova, liveMigrateRoles), room?.ready(request.serverId)]);
    if (waiter.sent) return null;
    if (this.#parts.stopping()) return { kind: 'forward' };
    if (admission.kind === 'pass') {
      log.info({ vm: request.serverId, reason: admission.reason.code }, 'left to Nova');
      return { kind: 'forward' };
    }
    taken.userId = admission.userId;
    const { microversion, newestBefore } = admission;
    // Asked again each time: two that come together must not both find it free.
    while (this.#parts.queue.holds(request.serverId)) {
      const second = await besideAnother(request.serverId, this.#parts.queue, () =>
        this.#parts.execution().running.wake(),
      );
      if (waiter.sent) return null;
      if (second === 'busy') return { kind: 'busy', requestId: newRequestId(), microversion };
      if (second === 'novas') {
        log.info({ vm: request.serverId, reason: 'end-not-noticed' }, 'left to Nova');
        return { kind: 'forward' };
      }
    }
    const { host, blockMigration, diskOverCommit, force, serverId, receivedAtMs } = request;
    const asked = { host, blockMigration, diskOverCommit, force, microversion };
    const kept = { ...asked, requestId: newRequestId(), newestBefore };
    const { token } = request;
    waiter.wouldTake = async () => token !== null && (await nova.wouldTake(token, serverId, kept));
    const { id } = await this.#parts.queue.add(serverId, admission, kept, receivedAtMs, taken.handover, waiter);
    taken.id = id;
    if (waiter.sent || this.#parts.stopping()) {
      const text = 'the store took too long to take it: went to Nova unchanged';
      await this.#parts.execution().handOver(id, { code: 'store-slow', text });
    }
    return null;
  }

  /** Something hangs: the caller gets Nova's answer now. */
  #late({ serverId, signal }: LiveMigrateRequest, waiter: Waiter, id: number | null, withinMs: number): void {
    // Nova itself takes its time, or nobody waits any more.
    if (waiter.sent || signal.aborted) return;
    const text = `it was not decided within ${withinMs} ms: to Nova unchanged`;
    if (id !== null) {
      void this.#parts.execution().handOver(id, { code: 'late', text });
      return;
    }
    this.#parts.log.error({ serverId, reason: text }, 'live migration goes to Nova unmanaged');
    this.#parts.unmanaged.add('late', text, serverId);
    waiter.forward().then(
      (answer) => waiter.answer({ kind: 'answered', answer }),
      // The proxy tells the client what went wrong; it does not send a second time.
      () => waiter.answer({ kind: 'forward' }),
    );
  }
}
