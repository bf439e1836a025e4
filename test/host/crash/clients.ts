/** Several clients that take, change, renew and release leases all the time, while they may. */
import type { LeaseRequest, LinkReservation } from '../../../hostd/contract.ts';
import type { Random } from '../../random.ts';
import { type Answer, errorCode, LINK_MEGABITS, type Rig } from '../rig.ts';
import type { Book } from './book.ts';

export type CallKind = 'new lease' | 'change' | 'renewal' | 'release';

const SHAPEABLE_BITS = LINK_MEGABITS * 1e6 * 0.96 - 5e6;
const LEAST_BITS = 1e6;
/** Leases of short life are mostly left to end by themselves; the others outlive the rounds. */
const LEFT_ALONE = 0.7;
const SHORT_TTL_MS = { low: 1000, high: 2500 };
const LONG_TTL_MS = 60_000;
const PAUSE_MS = 40;
const VMS = ['3f6a1c9e-4b1d-4a55-9a3c-0d6d5a1f2b10', '3f6a1c9e-4b1d-4a55-9a3c-0d6d5a1f2b11'] as const;

/** Two clients, each with leases of its own, of which it asks for one at a time; all ask at once. */
const OWNERS = [
  { client: 'plugin', leaseId: 'a' },
  { client: 'plugin', leaseId: 'b' },
  { client: 'plugin-b', leaseId: 'c' },
  { client: 'plugin-b', leaseId: 'd' },
] as const;

export class Clients {
  readonly #rig: Rig;
  readonly #book: Book;
  readonly #random: Random;
  /** What the NIC as it was found forbids. */
  readonly #refused: 'tx' | 'rx' | null;
  readonly #inFlight = new Set<CallKind>();
  readonly #spansMs = new Map<CallKind, number[]>();
  #work: Promise<void>[] = [];
  #open = false;
  #onSent: ((kind: CallKind) => void) | null = null;
  /** Answers that no client should have got. */
  readonly faults: string[] = [];
  calls = 0;

  constructor(rig: Rig, book: Book, random: Random, refused: 'tx' | 'rx' | null) {
    this.#rig = rig;
    this.#book = book;
    this.#random = random;
    this.#refused = refused;
    this.#book.fence.sent = 1;
  }

  start(): void {
    this.#open = true;
    this.#work = OWNERS.map((owner) => this.#ask(owner));
  }

  /** Resolves when no call is under way any more. */
  async pause(): Promise<void> {
    this.#open = false;
    await Promise.all(this.#work);
  }

  inFlight(): CallKind[] {
    return [...this.#inFlight];
  }

  /** The median time of such a call, ms. */
  spanMs(kind: CallKind): number {
    const spans = (this.#spansMs.get(kind) ?? []).toSorted((a, b) => a - b);
    return spans[Math.floor(spans.length / 2)] ?? 60;
  }

  /** Resolves as soon as such a call is sent, or after `withinMs`. */
  async sent(kind: CallKind, withinMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#onSent = (each) => {
        if (each !== kind) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onSent = null;
  }

  async #ask({ client, leaseId }: (typeof OWNERS)[number]): Promise<void> {
    while (this.#open) {
      const stands = this.#book.stands(leaseId, performance.now());
      const last = this.#book.last(leaseId);
      if (!stands || last === null) await this.#put('new lease', client, leaseId, this.#lease());
      else if (last.ttlMs !== LONG_TTL_MS && this.#random.chance(LEFT_ALONE)) await this.#restUntil(leaseId);
      else if (this.#random.chance(0.45)) await this.#put('change', client, leaseId, this.#lease());
      else if (this.#random.chance(0.25)) {
        await this.#put('renewal', client, leaseId, { ...last, fence: this.#fence() });
      } else await this.#delete(client, leaseId);
      await new Promise((resolve) => setTimeout(resolve, this.#random.within(0, PAUSE_MS)));
    }
  }

  /** Until that lease has ended, or the clients are to pause. */
  async #restUntil(leaseId: string): Promise<void> {
    while (this.#open && this.#book.stands(leaseId, performance.now())) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async #put(kind: CallKind, client: string, leaseId: string, request: LeaseRequest): Promise<void> {
    const { answer, sentAtMs, nowMs } = await this.#call(kind, 'PUT', `/v1/leases/${leaseId}`, request, client);
    if (answer.status === 200 || answer.status === 0) {
      this.#book.put(leaseId, request, { sentAtMs, nowMs, answered: answer.status === 200 });
    } else this.#refusal(answer, request);
  }

  async #delete(client: string, leaseId: string): Promise<void> {
    const path = `/v1/leases/${leaseId}?fence=${this.#fence()}`;
    const { answer, nowMs } = await this.#call('release', 'DELETE', path, undefined, client);
    if (answer.status === 204 || answer.status === 0) {
      this.#book.deleted(leaseId, { answered: answer.status === 204 });
    } else if (errorCode(answer) === 'lease-unknown') {
      if (this.#book.stands(leaseId, nowMs)) this.faults.push(`lease ${leaseId} was lost: ${answer.text}`);
      this.#book.deleted(leaseId, { answered: true });
    } else this.#refusal(answer);
  }

  #refusal(answer: Answer, request?: LeaseRequest): void {
    const code = errorCode(answer);
    const foreign = code === 'qdisc-foreign' && this.#refused !== null && request?.[this.#refused] !== undefined;
    // Another client has just come with a higher number.
    if (!foreign && code !== 'lease-fenced') this.faults.push(`${answer.status} ${answer.text}`);
  }

  async #call(kind: CallKind, method: string, path: string, body: unknown, client: string) {
    const sentAtMs = performance.now();
    this.calls += 1;
    this.#inFlight.add(kind);
    this.#onSent?.(kind);
    const answer = await this.#rig.call(method, path, body, client);
    this.#inFlight.delete(kind);
    const nowMs = performance.now();
    if (answer.status !== 0) this.#spansMs.set(kind, [...(this.#spansMs.get(kind) ?? []).slice(-50), nowMs - sentAtMs]);
    return { answer, sentAtMs, nowMs };
  }

  #fence(): number {
    const { fence } = this.#book;
    if (this.#random.chance(0.05)) fence.sent += 1;
    return fence.sent;
  }

  #lease(): LeaseRequest {
    const random = this.#random;
    const directions = random.pick(['tx', 'rx', 'both', 'both', 'both']);
    return {
      holder: 'churn',
      fence: this.#fence(),
      vmUuid: random.pick(VMS),
      priority: random.pick(['high', 'medium', 'low']),
      ...(directions === 'rx' ? {} : { tx: this.#reservation() }),
      ...(directions === 'tx' ? {} : { rx: this.#reservation() }),
      ttlMs: random.chance(0.4) ? random.whole(SHORT_TTL_MS.low, SHORT_TTL_MS.high) : LONG_TTL_MS,
    };
  }

  #reservation(): LinkReservation {
    const random = this.#random;
    const migration = random.whole(LEAST_BITS, SHAPEABLE_BITS - LEAST_BITS);
    const workload = random.whole(LEAST_BITS, SHAPEABLE_BITS - migration);
    const shaped = (rate: number) => ({
      rateBitsPerSecond: rate,
      ceilBitsPerSecond: random.whole(rate, LINK_MEGABITS * 1e6),
      prio: random.whole(0, 7),
    });
    return { migration: shaped(migration), workload: shaped(workload) };
  }
}
