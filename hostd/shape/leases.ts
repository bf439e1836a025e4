import type { Logger } from 'pino';
import type { Lease, LeaseRequest, LeasesAnswer } from '../contract.ts';
import { describeError, HostdError } from '../errors.ts';
import { bootTimeMs } from '../native.ts';
import type { Desired } from './apply.ts';
import { combine, type GuestLimits, guestLimits } from './combine.ts';
import { type Claim, checkClaim } from './fence.ts';
import { checkRates } from './rates.ts';
import { type HeldLease, LeaseStore, type Unsure } from './store.ts';

export interface LeasesOptions {
  stateDir: string;
  bootId: string;
  linkBitsPerSecond: () => number;
  shapeableBitsPerSecond: () => number;
  apply: (desired: Desired) => Promise<void>;
  /** False if NIC or IFB are not those of the last `apply` any more. Asked every second: it starts no program. */
  intact: () => Promise<boolean>;
}

/** Ends are looked for this often beside their own timers: those stand still while the host is suspended. */
const PULSE_MS = 1000;
/** The kernel is compared with the leases this often, so that what somebody else changed is put right. */
const RECONCILE_MS = 10_000;
/** While there are none, nobody waits for it. */
const IDLE_RECONCILE_MS = 60_000;
/** Between two attempts to bring the kernel to the leases. */
const RETRY_MS = 1000;

/** The leases of this host: on disk before they are on the NIC, dropped when their time is over. */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #store: LeaseStore;
  readonly #log: Logger;
  #leases: readonly HeldLease[] = [];
  /** The lease that the kernel was being asked for when hostd was killed; null once that is settled. */
  #unsure: Unsure | null = null;
  /** The highest fencing number that was seen; on disk before it is believed. */
  #fence = 0;
  /** What the kernel was last brought to, null while that is not known. */
  #applied: string | null = null;
  #kernelProblem: string | null = null;
  #diskProblem: string | null = null;
  #comparedAtMs = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #pulse: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: LeasesOptions, log: Logger) {
    this.#options = options;
    this.#store = new LeaseStore(options.stateDir, options.bootId);
    this.#log = log;
  }

  /** Why NIC or disk are not as the leases say, null if they are. */
  get problem(): string | null {
    const problems = [this.#kernelProblem, this.#diskProblem].filter((problem) => problem !== null);
    return problems.length === 0 ? null : problems.join(' ');
  }

  /** Takes up the leases on disk that have not ended, and brings the NIC to them or to none. */
  async start(): Promise<void> {
    await this.#load();
    await this.#inTurn(() => this.#settle());
    this.#pulse = setInterval(() => void this.#inTurn(() => this.#look()), PULSE_MS);
  }

  /** Leaves the classes as they are: after a restart the leases go on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearInterval(this.#pulse);
    await this.#turn;
  }

  /**
   * Without starting anything: brings the NIC to the leases on disk that have not ended, or with `all` ends every lease
   * and takes all classes away. To be called where no other hostd runs on this state directory.
   *
   * @throws HostdError that says what is not as it should be.
   */
  async settleOnce({ all }: { all: boolean }): Promise<void> {
    await this.#load();
    if (all) {
      this.#leases = [];
      this.#diskProblem = 'The leases on disk are to be ended.';
    }
    await this.#inTurn(() => this.#settle());
    await this.stop();
    if (this.problem !== null) throw new HostdError('shape-failed', this.problem);
  }

  answer(): LeasesAnswer {
    return { fence: this.#fence, leases: this.#leases.map(present) };
  }

  /** What the leases on each link add up to. */
  reserved(): Desired {
    return this.#desired(this.#leases);
  }

  /** What the leases ask of libvirt for a VM that migrates from here. */
  guestLimits(vmUuid: string): GuestLimits {
    return guestLimits(
      this.#leases.map(({ request }) => request),
      vmUuid,
    );
  }

  /**
   * Takes a new lease, changes one or renews it; what only renews it does not touch the kernel.
   *
   * @throws HostdError; then no lease and no class has changed.
   */
  put(leaseId: string, request: LeaseRequest, owner: string): Promise<Lease> {
    return this.#inTurn(async () => {
      await this.#admit(leaseId, { fence: request.fence, owner, holder: request.holder });
      checkRates(request, this.#options.linkBitsPerSecond(), this.#options.shapeableBitsPerSecond());
      const lease = { leaseId, request, owner, expiresAtMs: bootTimeMs() + request.ttlMs };
      const before = this.#leases.find((each) => each.leaseId === leaseId) ?? null;
      await this.#change([...this.#leases.filter((each) => each !== before), lease], { leaseId, before });
      return present(lease);
    });
  }

  /** @throws HostdError `lease-fenced`, `lease-held`, `lease-unknown`. */
  delete(leaseId: string, fence: number, owner: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#admit(leaseId, { fence, owner });
      const left = this.#leases.filter((lease) => lease.leaseId !== leaseId);
      if (left.length === this.#leases.length) {
        throw new HostdError('lease-unknown', `There is no lease ${leaseId}: it was released or its time was over.`);
      }
      await this.#change(left, null);
    });
  }

  async #admit(leaseId: string, claim: Claim): Promise<void> {
    const known = this.#leases.find((lease) => lease.leaseId === leaseId);
    const { fenceFile } = this.#store;
    checkClaim(claim, {
      fence: this.#fence,
      lease: known ? { leaseId, fence: known.request.fence, owner: known.owner, holder: known.request.holder } : null,
      fenceFile,
    });
    if (claim.fence <= this.#fence) return;
    await this.#store.writeFence(claim.fence);
    this.#fence = claim.fence;
  }

  async #change(next: readonly HeldLease[], unsure: Unsure | null): Promise<void> {
    const before = this.#leases;
    const marked = this.#isApplied(next) ? null : unsure;
    await this.#store.writeLeases(next, marked);
    try {
      await this.#apply(next);
      this.#leases = next;
    } catch (error) {
      await this.#save(before);
      // Soon looked at again: whether all is back is for the kernel to say.
      this.#schedule(RETRY_MS);
      throw error;
    }
    // The caller does not wait for it: until it is written, a hostd that is killed asks the kernel again.
    if (marked !== null) void this.#inTurn(() => this.#save(this.#leases));
    this.#schedule();
  }

  #isApplied(leases: readonly HeldLease[]): boolean {
    return JSON.stringify(this.#desired(leases)) === this.#applied;
  }

  async #apply(leases: readonly HeldLease[], always = false): Promise<void> {
    if (!always && this.#isApplied(leases)) return;
    const desired = this.#desired(leases);
    this.#applied = null;
    await this.#options.apply(desired);
    this.#applied = JSON.stringify(desired);
    this.#unsure = null;
    this.#kernelProblem = null;
    this.#comparedAtMs = bootTimeMs();
  }

  /** Drops what has ended and brings the NIC to the rest, whether the disk takes it or not; later again if that fails. */
  async #settle(): Promise<void> {
    if (this.#stopped) return;
    const nowMs = bootTimeMs();
    const left = this.#leases.filter((lease) => lease.expiresAtMs > nowMs);
    for (const { leaseId, request } of this.#leases.filter((lease) => lease.expiresAtMs <= nowMs)) {
      this.#log.warn({ leaseId, holder: request.holder }, 'Lease dropped: its holder did not renew it');
    }
    const ended = left.length !== this.#leases.length;
    this.#leases = left;
    if (ended || this.#diskProblem !== null) await this.#save(left);
    const unsure = this.#unsure !== null;
    try {
      await this.#apply(left, true);
      if (unsure) await this.#save(left);
    } catch (error) {
      if (this.#withdraw(error)) return this.#settle();
      const problem = `The NIC is not as the leases say: ${describeError(error)}`;
      if (problem !== this.#kernelProblem) {
        this.#log.error({ error: describeError(error) }, 'Cannot bring the NIC to its leases');
      }
      this.#kernelProblem = problem;
    }
    this.#schedule();
  }

  /**
   * Takes back the lease that the kernel was being asked for when hostd was killed, if it cannot stand: its client had
   * been refused as well, and it would keep all others from the NIC. False if there is no such lease.
   */
  #withdraw(error: unknown): boolean {
    const unsure = this.#unsure;
    if (unsure === null || !(error instanceof HostdError) || error.code !== 'qdisc-foreign') return false;
    this.#log.warn({ leaseId: unsure.leaseId, error: describeError(error) }, 'Lease dropped: nobody was told of it');
    this.#unsure = null;
    const others = this.#leases.filter(({ leaseId }) => leaseId !== unsure.leaseId);
    this.#leases = unsure.before === null ? others : [...others, unsure.before];
    this.#diskProblem = 'A lease that cannot stand is to be taken off the disk.';
    return true;
  }

  async #look(): Promise<void> {
    const nowMs = bootTimeMs();
    const everyMs = this.#leases.length === 0 && this.problem === null ? IDLE_RECONCILE_MS : RECONCILE_MS;
    const due = nowMs - this.#comparedAtMs >= everyMs || this.#leases.some((lease) => lease.expiresAtMs <= nowMs);
    if (due || !(await this.#options.intact())) await this.#settle();
  }

  async #save(leases: readonly HeldLease[]): Promise<void> {
    try {
      await this.#store.writeLeases(leases);
      this.#diskProblem = null;
    } catch (error) {
      this.#diskProblem = `The leases on disk are not those that stand: ${describeError(error)}.`;
      this.#log.error({ error: describeError(error) }, 'Cannot write the leases');
    }
  }

  #schedule(atMostMs = Number.POSITIVE_INFINITY): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const firstMs = Math.min(...this.#leases.map((lease) => lease.expiresAtMs)) - bootTimeMs();
    const delayMs = Math.min(Math.max(10, firstMs), this.problem === null ? atMostMs : RETRY_MS);
    if (Number.isFinite(delayMs)) this.#timer = setTimeout(() => void this.#inTurn(() => this.#settle()), delayMs);
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(task);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** What cannot be read is dropped and told: hostd must serve, and the kernel is brought to what is left. */
  async #load(): Promise<void> {
    await this.#store.prepare();
    const unreadable = (what: string) => (error: unknown) => {
      this.#log.error({ error: describeError(error) }, `${what} on disk cannot be read and is dropped`);
      this.#diskProblem = `${what} on disk cannot be read.`;
      return null;
    };
    const stored = await this.#store.readLeases().catch(unreadable('The list of leases'));
    this.#leases = stored?.leases ?? [];
    this.#unsure = stored?.unsure ?? null;
    const fence = await this.#store.readFence().catch(unreadable('The highest fence'));
    this.#fence = fence ?? Math.max(0, ...this.#leases.map(({ request }) => request.fence));
  }

  #desired(leases: readonly HeldLease[]): Desired {
    const requests = leases.map(({ request }) => request);
    const shapeable = this.#options.shapeableBitsPerSecond();
    return { tx: combine(requests, 'tx', shapeable), rx: combine(requests, 'rx', shapeable) };
  }
}

function present({ leaseId, request, owner, expiresAtMs }: HeldLease): Lease {
  return { ...request, leaseId, owner, expiresInMs: Math.max(0, expiresAtMs - bootTimeMs()) };
}
