import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { Lease, LeaseRequest, type LeasesAnswer } from '../contract.ts';
import { describeError, HostdError } from '../errors.ts';
import type { Desired } from './apply.ts';
import { combine, type GuestLimits, guestLimits } from './combine.ts';
import { writeDurably } from './durable.ts';
import { checkRates } from './rates.ts';

export interface LeasesOptions {
  stateDir: string;
  bootId: string;
  linkBitsPerSecond: () => number;
  shapeableBitsPerSecond: () => number;
  apply: (desired: Desired) => Promise<void>;
}

const StoredLease = z.object({
  leaseId: Lease.shape.leaseId,
  request: LeaseRequest,
  owner: z.string(),
  expiresAtUnixMs: z.number(),
});
const LeasesFile = z.object({ bootId: z.string(), leases: z.array(StoredLease) });

/** While hostd runs a lease ends by monotonic time: a clock that is set does not end or prolong it. */
interface LiveLease {
  leaseId: string;
  request: LeaseRequest;
  owner: string;
  expiresAtMs: number;
}

/** The kernel is compared with the leases this often, so that what somebody else changed is put right. */
const RECONCILE_MS = 10_000;
const RETRY_MS = 1000;

/** The leases of this host: on disk before they are on the NIC, dropped when their time is over. */
export class Leases {
  /** Why the NIC is not as the leases say, null if it is. */
  problem: string | null = null;
  readonly #options: LeasesOptions;
  readonly #log: Logger;
  #leases: readonly LiveLease[] = [];
  /** The highest fencing number that was seen; on disk before it is believed. */
  #fence = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #expiry: NodeJS.Timeout | undefined;
  #reconcile: NodeJS.Timeout | undefined;

  constructor(options: LeasesOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  /** Takes up the leases on disk that have not ended, and brings the NIC to them or to none. */
  async start(): Promise<void> {
    await mkdir(this.#options.stateDir, { recursive: true, mode: 0o700 });
    this.#leases = await this.#read();
    // What ended meanwhile goes from the disk too. A disk that is full keeps nobody from being served.
    await this.#write(this.#leases).catch((error) => {
      this.#log.error({ error: describeError(error) }, 'Cannot write the leases');
    });
    await this.#inTurn(() => this.#settle());
    this.#reconcile = setInterval(() => void this.#inTurn(() => this.#settle()), RECONCILE_MS);
  }

  /** Leaves the classes as they are: after a restart the leases go on. */
  async stop(): Promise<void> {
    clearTimeout(this.#expiry);
    clearInterval(this.#reconcile);
    await this.#turn;
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

  /** Takes a new lease or renews one. @throws HostdError; then everything is as before. */
  put(leaseId: string, request: LeaseRequest, owner: string): Promise<Lease> {
    return this.#inTurn(async () => {
      checkRates(request, this.#options.linkBitsPerSecond(), this.#options.shapeableBitsPerSecond());
      const known = this.#leases.find((lease) => lease.leaseId === leaseId);
      if (known !== undefined && known.request.holder !== request.holder) {
        throw new HostdError(
          'request-invalid',
          `Lease ${leaseId} is held by ${known.request.holder}. Take another lease id.`,
        );
      }
      const lease = { leaseId, request, owner, expiresAtMs: performance.now() + request.ttlMs };
      await this.#change([...this.#leases.filter((each) => each.leaseId !== leaseId), lease]);
      return present(lease);
    });
  }

  /** @throws HostdError `lease-unknown`. */
  delete(leaseId: string, _fence: number, _owner: string): Promise<void> {
    return this.#inTurn(async () => {
      const left = this.#leases.filter((lease) => lease.leaseId !== leaseId);
      if (left.length === this.#leases.length) {
        throw new HostdError('lease-unknown', `There is no lease ${leaseId}: it was released or its time was over.`);
      }
      await this.#change(left);
    });
  }

  async #change(next: readonly LiveLease[]): Promise<void> {
    const before = this.#leases;
    await this.#write(next);
    try {
      await this.#options.apply(this.#desired(next));
    } catch (error) {
      await this.#write(before);
      this.#schedule();
      throw error;
    }
    this.#leases = next;
    this.problem = null;
    this.#schedule();
  }

  /** Drops what has ended and brings the NIC to the rest; tries again later if that fails. */
  async #settle(): Promise<void> {
    const nowMs = performance.now();
    const left = this.#leases.filter((lease) => lease.expiresAtMs > nowMs);
    for (const { leaseId, request } of this.#leases.filter((lease) => lease.expiresAtMs <= nowMs)) {
      this.#log.warn({ leaseId, holder: request.holder }, 'Lease dropped: its holder did not renew it');
    }
    try {
      if (left.length !== this.#leases.length) {
        await this.#write(left);
        this.#leases = left;
      }
      await this.#options.apply(this.#desired(left));
      this.problem = null;
    } catch (error) {
      this.problem = `The NIC is not as the leases say: ${describeError(error)}`;
      this.#log.error({ error: describeError(error) }, 'Cannot bring the NIC to its leases');
    }
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#expiry);
    const first = Math.min(...this.#leases.map((lease) => lease.expiresAtMs));
    if (!Number.isFinite(first)) return;
    this.#expiry = setTimeout(
      () => void this.#inTurn(() => this.#settle()),
      Math.max(this.problem === null ? 10 : RETRY_MS, first - performance.now()),
    );
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(task);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #write(leases: readonly LiveLease[]): Promise<void> {
    const stored = leases.map(({ leaseId, request, owner, expiresAtMs }) => ({
      leaseId,
      request,
      owner,
      expiresAtUnixMs: Date.now() + expiresAtMs - performance.now(),
    }));
    await writeDurably(this.#file(), JSON.stringify({ bootId: this.#options.bootId, leases: stored }));
  }

  /** After a reboot the kernel has nothing of them any more, and their migrations are over: none is taken up. */
  async #read(): Promise<LiveLease[]> {
    let text: string;
    try {
      text = await readFile(this.#file(), 'utf8');
    } catch {
      return [];
    }
    try {
      const file = LeasesFile.parse(JSON.parse(text));
      if (file.bootId !== this.#options.bootId) return [];
      return file.leases.flatMap(({ leaseId, request, owner, expiresAtUnixMs }) => {
        // Never longer than asked for, even if the clock was set back meanwhile.
        const leftMs = Math.min(request.ttlMs, expiresAtUnixMs - Date.now());
        return leftMs > 0 ? [{ leaseId, request, owner, expiresAtMs: performance.now() + leftMs }] : [];
      });
    } catch (error) {
      this.#log.error(
        { file: this.#file(), error: describeError(error) },
        'The leases on disk are unreadable and are dropped',
      );
      return [];
    }
  }

  #desired(leases: readonly LiveLease[]): Desired {
    const requests = leases.map(({ request }) => request);
    const shapeable = this.#options.shapeableBitsPerSecond();
    return { tx: combine(requests, 'tx', shapeable), rx: combine(requests, 'rx', shapeable) };
  }

  #file(): string {
    return join(this.#options.stateDir, 'leases.json');
  }
}

function present({ leaseId, request, owner, expiresAtMs }: LiveLease): Lease {
  return { ...request, leaseId, owner, expiresInMs: Math.max(0, expiresAtMs - performance.now()) };
}
