import { OpenStackError, type Resources } from 'openstack-client-ts';
import type { Logger } from 'pino';
import type { HostRoom, Room } from '../controller/plan/world.ts';
import { describeError } from '../errors.ts';
import { assumedNeeds } from '../schedule/live/resources.ts';
import { type PlacementCalls, RoomLook, type Seen } from './look.ts';
import { nextLookAtMs } from './pace.ts';

/** A migration that waits or that Nova has. */
export interface Mover {
  id: number;
  vmUuid: string;
  source: string;
  destination: string | null;
  server?: { memoryBytes: number };
}

export interface RoomWatchParts {
  calls: PlacementCalls;
  /** The room has changed: plan again. */
  changed: () => void;
  log: Logger;
}

/** Older than this it says nothing of now. */
const MAX_AGE_MS = 30_000;
/** A request is not kept longer for it: those of one batch shall stand in the queue within the batch window. */
const READY_WITHIN_MS = 500;
const REFUSALS: OpenStackError['code'][] = ['catalogue-incomplete', 'forbidden', 'unauthorized', 'not-found'];
/** A request that was asked about stands in the queue by then. */
const HOLDS_KEPT_MS = 10_000;

/**
 * Keeps what Placement tells of the hosts' room, as long as something waits. Where Placement is not there, or does not
 * tell, there is no room known and Nova alone decides, as it does without Drover.
 */
export class RoomWatch {
  readonly #look: RoomLook;
  readonly #parts: RoomWatchParts;
  #hosts: { atMs: number; found: Map<string, HostRoom> } | null = null;
  /** What each server holds; null: nothing on any host that is known. */
  readonly #holds = new Map<string, { askedAtMs: number; held: Resources | null }>();
  /** On their way, and their place at the destination is taken in `#hosts`. */
  readonly #settled = new Set<string>();
  /** On their way to a host where their place is not seen to be taken yet; `goneAtMs`: since when that is over. */
  readonly #arrivals = new Map<string, { host: string; needs: Resources; goneAtMs: number | null }>();
  #movers: readonly Mover[] = [];
  #inFlight: readonly Mover[] = [];
  #looking: Promise<void> | null = null;
  #lastLook = { atMs: null as number | null, tookMs: 0, failure: null as 'refused' | 'silent' | null, of: '' };

  constructor(parts: RoomWatchParts) {
    this.#parts = parts;
    this.#look = new RoomLook(parts.calls);
  }

  /** At the begin of each round: who waits and who is on the way now. Looks beside it, if it is time. */
  round(waiting: readonly Mover[], inFlight: readonly Mover[]): void {
    this.#movers = [...waiting, ...inFlight];
    this.#inFlight = inFlight;
    this.#follow(Date.now());
    if (waiting.length > 0 && Date.now() >= this.#nextAtMs()) void this.#lookNow();
  }

  /** Resolves as soon as the room and what this server holds are known, but soon in any case. */
  async ready(vmUuid: string): Promise<void> {
    const isDue = Date.now() >= this.#nextAtMs();
    if (this.#lastLook.failure !== null && !isDue) return;
    const look = isDue || this.room() === null ? this.#lookNow() : null;
    const known = Promise.all([this.room() === null ? look : null, this.#askAfter(vmUuid)]);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, READY_WITHIN_MS);
    });
    await Promise.race([known, late]);
    clearTimeout(timer);
  }

  /** Null: nobody tells. */
  room(): Room | null {
    if (this.#hosts === null || Date.now() - this.#hosts.atMs > MAX_AGE_MS) return null;
    const onTheirWay = new Set(this.#inFlight.map(({ vmUuid }) => vmUuid));
    return {
      hosts: this.#hosts.found,
      holds: new Map([...this.#holds].flatMap(([vmUuid, { held }]) => (held ? [[vmUuid, held]] : []))),
      settled: new Set(this.#settled),
      arrived: [...this.#arrivals].flatMap(([vmUuid, { host, needs }]) =>
        onTheirWay.has(vmUuid) ? [] : [{ vmUuid, host, needs }],
      ),
    };
  }

  async stop(): Promise<void> {
    await this.#looking;
  }

  #nextAtMs(): number {
    const { of, ...last } = this.#lastLook;
    const isNew = this.#movers.some(({ vmUuid }) => !this.#holds.has(vmUuid));
    return nextLookAtMs({ ...last, isOutdated: isNew || of !== this.#signature() });
  }

  #signature(): string {
    return this.#inFlight.map(({ id }) => id).join();
  }

  #follow(nowMs: number): void {
    const flying = new Map(this.#inFlight.map((mover) => [mover.vmUuid, mover]));
    for (const vmUuid of this.#settled) if (!flying.has(vmUuid)) this.#settled.delete(vmUuid);
    for (const [vmUuid, arrival] of this.#arrivals) if (!flying.has(vmUuid)) arrival.goneAtMs ??= nowMs;
    for (const { vmUuid, destination, server } of this.#inFlight) {
      if (destination === null || this.#settled.has(vmUuid)) continue;
      const needs = this.#holds.get(vmUuid)?.held ?? assumedNeeds(server);
      this.#arrivals.set(vmUuid, { host: destination, needs, goneAtMs: null });
    }
    const known = new Set(this.#movers.map(({ vmUuid }) => vmUuid));
    for (const [vmUuid, { askedAtMs }] of this.#holds) {
      if (!known.has(vmUuid) && nowMs - askedAtMs > HOLDS_KEPT_MS) this.#holds.delete(vmUuid);
    }
  }

  /** Not in turn with the looks: one more question of a request beside those that Keystone and Nova are asked. */
  async #askAfter(vmUuid: string): Promise<void> {
    if (this.#holds.has(vmUuid)) return;
    const askedAtMs = Date.now();
    const place = await this.#look.place(vmUuid).catch(() => null);
    if (place && !this.#holds.has(vmUuid)) this.#holds.set(vmUuid, { askedAtMs, held: place.holds });
  }

  #lookNow(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    const atMs = Date.now();
    const of = this.#signature();
    const isUnknown = (vmUuid: string) => (this.#holds.get(vmUuid)?.held ?? null) === null;
    const asked = new Map<string, string | null>(
      this.#movers
        .map(({ vmUuid }) => vmUuid)
        .filter(isUnknown)
        .map((vmUuid) => [vmUuid, null]),
    );
    for (const { vmUuid, source } of this.#inFlight) if (!this.#settled.has(vmUuid)) asked.set(vmUuid, source);
    try {
      const seen = await this.#look.look(asked);
      this.#take(seen, atMs);
      if (this.#lastLook.failure !== null) this.#parts.log.info('Placement tells the room of the hosts again');
      this.#lastLook = { atMs, tookMs: Date.now() - atMs, failure: null, of };
    } catch (error) {
      this.#failed(error, atMs, of);
    }
  }

  #take({ hosts, places }: Seen, atMs: number): void {
    const before = JSON.stringify([...(this.#hosts?.found ?? [])]);
    const sources = new Map(this.#inFlight.map(({ vmUuid, source }) => [vmUuid, source]));
    for (const [vmUuid, place] of places) {
      this.#holds.set(vmUuid, { askedAtMs: atMs, held: place?.holds ?? null });
      if (place === null) continue;
      const arrival = this.#arrivals.get(vmUuid);
      if (arrival) arrival.needs = place.holds;
      const source = sources.get(vmUuid);
      if (source === undefined || source === place.host) continue;
      this.#settled.add(vmUuid);
      this.#arrivals.delete(vmUuid);
    }
    // What ended before this look began is in it.
    for (const [vmUuid, { goneAtMs }] of this.#arrivals) {
      if (goneAtMs !== null && goneAtMs <= atMs) this.#arrivals.delete(vmUuid);
    }
    this.#hosts = { atMs, found: hosts };
    if (JSON.stringify([...hosts]) !== before) this.#parts.changed();
  }

  #failed(error: unknown, atMs: number, of: string): void {
    const isRefused = error instanceof OpenStackError && REFUSALS.includes(error.code);
    const failure = isRefused ? 'refused' : 'silent';
    // Who is not there does not keep the last word.
    if (isRefused) this.#hosts = null;
    if (this.#lastLook.failure === null) {
      const text = 'Placement does not tell the room of the hosts: migrations are planned without, and Nova decides';
      this.#parts.log.warn({ error: describeError(error) }, text);
    }
    this.#lastLook = { atMs, tookMs: Date.now() - atMs, failure, of };
  }
}
