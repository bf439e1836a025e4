import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.ts';

/** One live migration that a client asked for, and what it was told. */
export interface Asked {
  tag: string;
  vmUuid: string;
  sentAtMs: number;
  endedAtMs: number;
  /**
   * `left`: the client closed its connection. `broken`: the connection ended without an answer. `refused`: nobody took
   * the connection, so nothing was asked.
   */
  outcome: { status: number; requestId: string | null } | 'left' | 'broken' | 'refused';
}

/** How clients reach the compute API. */
export interface Transport {
  /** Asks for a live migration; the client goes away after `leaveMs`, null: it stays. */
  migrate(vmUuid: string, tag: string, leaveMs: number | null): Promise<Asked['outcome']>;
  /** Aborts whatever Nova runs of this server, if anything. */
  abort(vmUuid: string): Promise<void>;
}

export interface Pace {
  /** After an outcome that it does not know a client lets a server rest: Nova may take a request that late. */
  restMs: number;
  /** At most so long between two requests of a client, and before a server is asked for again. */
  pauseMs: number;
  againMs: number;
  /** A client that leaves does so within this time. */
  leavesWithinMs: number;
}

export const FAST: Pace = { restMs: 2500, pauseMs: 60, againMs: 300, leavesWithinMs: 200 };
const LEAVES = 0.1;
const ABORTS = 0.05;

/** Clients of the compute API: each asks for one live migration after the other, of servers that nobody else asks for. */
export class Clients {
  readonly asked: Asked[] = [];
  readonly #transport: Transport;
  readonly #random: Random;
  readonly #machines: readonly string[];
  readonly #pace: Pace;
  readonly #busy = new Map<string, number>();
  readonly #stop = new AbortController();
  #running: Promise<void>[] = [];
  #count = 0;

  constructor(transport: Transport, machines: readonly string[], random: Random, pace = FAST) {
    this.#transport = transport;
    this.#machines = machines;
    this.#random = random;
    this.#pace = pace;
  }

  start(count: number): void {
    this.#running = Array.from({ length: count }, () => this.#client());
  }

  /** Requests that were answered with 202. */
  get accepted(): number {
    return this.asked.filter(({ outcome }) => typeof outcome === 'object' && outcome.status === 202).length;
  }

  /** Until so many were accepted, or the time is over. */
  async accept(count: number, withinMs: number): Promise<void> {
    const untilMs = performance.now() + withinMs;
    while (this.accepted < count && performance.now() < untilMs) await sleep(50);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async #client(): Promise<void> {
    const { restMs, pauseMs, againMs } = this.#pace;
    while (!this.#stop.signal.aborted) {
      const vmUuid = this.#free();
      if (vmUuid === null) {
        await sleep(50);
        continue;
      }
      this.#busy.set(vmUuid, Number.POSITIVE_INFINITY);
      const asked = await this.#migrate(vmUuid);
      if (asked.outcome !== 'refused') this.asked.push(asked);
      const known = typeof asked.outcome === 'object' || asked.outcome === 'refused';
      this.#busy.set(vmUuid, Date.now() + (known ? this.#random.whole(0, againMs) : restMs));
      if (this.#random.chance(ABORTS)) await this.#transport.abort(vmUuid);
      await sleep(asked.outcome === 'refused' ? 60 : this.#random.whole(0, pauseMs));
    }
  }

  #free(): string | null {
    const nowMs = Date.now();
    const free = this.#machines.filter((id) => (this.#busy.get(id) ?? 0) <= nowMs);
    const [first, ...rest] = free;
    return first === undefined ? null : this.#random.pick([first, ...rest]);
  }

  async #migrate(vmUuid: string): Promise<Asked> {
    this.#count += 1;
    const tag = `client-${this.#count}`;
    const sentAtMs = Date.now();
    const leaveMs = this.#random.chance(LEAVES) ? this.#random.whole(0, this.#pace.leavesWithinMs) : null;
    const outcome = await this.#transport.migrate(vmUuid, tag, leaveMs);
    return { tag, vmUuid, sentAtMs, endedAtMs: Date.now(), outcome };
  }
}
