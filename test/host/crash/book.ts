/** What clients know of their leases, from the answers that they got and those that they did not get. */
import { isDeepStrictEqual } from 'node:util';
import type { LeaseRequest } from '../../../hostd/contract.ts';

/** One thing that may stand on hostd's disk for a lease; null: nothing. */
type Possibility = { request: LeaseRequest; endsAtMs: { earliest: number; latest: number } } | null;

export interface DiskLease {
  leaseId: string;
  request: LeaseRequest;
}

/** hostd looks for ends every second beside its timers. */
const LATE_MS = 1500;

/** All times are of one monotonic clock. */
export class Book {
  readonly #leases = new Map<string, readonly Possibility[]>();
  /** The highest fencing number that hostd has accepted for sure, and the highest that was ever sent. */
  fence = { acknowledged: 0, sent: 0 };

  /** A PUT that began at `sentAtMs` was answered 200, or broke off (`answered` false): then both may be. */
  put(leaseId: string, request: LeaseRequest, { sentAtMs, nowMs, answered }: Call): void {
    const endsAtMs = { earliest: sentAtMs + request.ttlMs, latest: nowMs + request.ttlMs };
    if (answered) this.fence.acknowledged = Math.max(this.fence.acknowledged, request.fence);
    this.#leases.set(leaseId, [{ request, endsAtMs }, ...(answered ? [] : this.#of(leaseId))]);
  }

  /** A DELETE was answered 204, or broke off. */
  deleted(leaseId: string, { answered }: Pick<Call, 'answered'>): void {
    this.#leases.set(leaseId, answered ? [null] : [null, ...this.#of(leaseId)]);
  }

  /** Whether that lease surely stands at this moment. */
  stands(leaseId: string, nowMs: number): boolean {
    return this.#of(leaseId).every((each) => each !== null && each.endsAtMs.earliest > nowMs);
  }

  /** What is certainly asked for in the lease; null if that is not known. */
  last(leaseId: string): LeaseRequest | null {
    return this.#of(leaseId)[0]?.request ?? null;
  }

  /** When the next of them ends by itself; infinity if none does. */
  nextEndAtMs(nowMs: number): number {
    const ends = [...this.#leases.values()].flatMap(([first]) => first?.endsAtMs.earliest ?? []);
    return Math.min(...ends.filter((endsAtMs) => endsAtMs > nowMs));
  }

  /** Whether one has come to its end in these last milliseconds. */
  endedSince(sinceMs: number, nowMs: number): boolean {
    const next = this.nextEndAtMs(sinceMs);
    return next <= nowMs;
  }

  /**
   * Everything on disk that contradicts the answers: a lease that was promised and is gone, one that was released or is
   * over and stands, one that nobody asked for. From then on what was found is certain.
   */
  contradictions(disk: readonly DiskLease[], fence: number, nowMs: number): string[] {
    const found: string[] = [];
    for (const { leaseId } of disk) if (!this.#leases.has(leaseId)) found.push(`nobody asked for lease ${leaseId}`);
    for (const [leaseId, possible] of this.#leases) {
      const stands = disk.find((each) => each.leaseId === leaseId)?.request;
      const fits = possible.find((each) =>
        stands === undefined
          ? each === null || each.endsAtMs.earliest <= nowMs
          : each !== null && each.endsAtMs.latest + LATE_MS > nowMs && isDeepStrictEqual(each.request, stands),
      );
      if (fits === undefined) {
        found.push(
          `lease ${leaseId} on disk is ${JSON.stringify(stands ?? null)}, at ${nowMs} possible: ${JSON.stringify(possible)}`,
        );
      }
      this.#leases.set(leaseId, [stands === undefined ? null : (fits ?? null)]);
    }
    if (fence < this.fence.acknowledged || fence > this.fence.sent) {
      found.push(`the fence is ${fence}, accepted ${this.fence.acknowledged}, sent ${this.fence.sent}`);
    }
    return found;
  }

  #of(leaseId: string): readonly Possibility[] {
    return this.#leases.get(leaseId) ?? [null];
  }
}

interface Call {
  sentAtMs: number;
  nowMs: number;
  answered: boolean;
}
