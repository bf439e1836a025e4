import type { CallOptions, ComputeService, OpenStackClient, Resources } from 'openstack-client-ts';
import type { HostRoom } from '../controller/plan/world.ts';
import { type HostPlaces, type ProviderUse, placeOf, placesOf, roomOf } from './room-of.ts';

export type PlacementCalls = Pick<OpenStackClient, 'placement' | 'hypervisors' | 'computeServices'>;

/** What one look has found. */
export interface Seen {
  hosts: Map<string, HostRoom>;
  /** Of each server that was asked about: where it holds what; null: nowhere. */
  places: Map<string, { host: string; holds: Resources } | null>;
}

/** Hosts come and go by the hour; one is disabled or dies by the minute. */
const HOSTS_KEPT_MS = 60_000;
const SERVICES_KEPT_MS = 10_000;
const TIMEOUT_MS = 3000;
const AT_ONCE = 16;

/**
 * Asks Placement and Nova for the room of the hosts: two calls, and one for each server that is asked about.
 *
 * Whether the place that a server takes at its destination is gone from what is free there must not be guessed: free room
 * is asked for first. A server that then holds no place there yet held none before; for one that does, it is asked for once
 * more.
 */
export class RoomLook {
  readonly #calls: PlacementCalls;
  #places: { atMs: number; found: Promise<HostPlaces> } | null = null;
  #services: { atMs: number; found: ComputeService[] } | null = null;

  constructor(calls: PlacementCalls) {
    this.#calls = calls;
  }

  /**
   * @param servers uuids, with the host that each is on its way from, null: it waits.
   * @throws OpenStackError
   */
  async look(servers: ReadonlyMap<string, string | null>): Promise<Seen> {
    const options: CallOptions = { timeoutMs: TIMEOUT_MS };
    const { placement } = this.#calls;
    const found = await this.#hostPlaces(options);
    const [first, services] = await Promise.all([this.#providers(found, options), this.#computeServices(options)]);
    const places: Seen['places'] = new Map();
    await forEach([...servers.keys()], async (server) => {
      places.set(server, placeOf(found, await placement.allocations(server, options)));
    });
    const hasMoved = [...places].some(([server, place]) => {
      const source = servers.get(server) ?? null;
      return place !== null && source !== null && place.host !== source;
    });
    return { hosts: roomOf(found, hasMoved ? await this.#providers(found, options) : first, services), places };
  }

  /** Where a server holds what; null: nowhere. @throws OpenStackError */
  async place(server: string): Promise<{ host: string; holds: Resources } | null> {
    const options: CallOptions = { timeoutMs: TIMEOUT_MS };
    const [found, held] = await Promise.all([
      this.#hostPlaces(options),
      this.#calls.placement.allocations(server, options),
    ]);
    return placeOf(found, held);
  }

  /** The full ones, which are no candidates for anything, are asked one by one: others may leave them. */
  async #providers({ hostOf }: HostPlaces, options: CallOptions): Promise<ProviderUse[]> {
    const { placement } = this.#calls;
    const known: ProviderUse[] = await placement.allocationCandidates({ MEMORY_MB: 1 }, options);
    const named = new Set(known.map(({ uuid }) => uuid));
    const full: ProviderUse[] = [];
    const others = [...hostOf.keys()].filter((uuid) => !named.has(uuid));
    await forEach(others, async (uuid) => {
      const use = await placement.provider(uuid, options);
      if (use) full.push({ uuid, ...use });
    });
    return [...known, ...full];
  }

  /** Asked for once by all that need it at the same time. */
  #hostPlaces(options: CallOptions): Promise<HostPlaces> {
    const atMs = Date.now();
    if (this.#places && atMs - this.#places.atMs < HOSTS_KEPT_MS) return this.#places.found;
    const asked = Promise.all([this.#calls.placement.resourceProviders(options), this.#calls.hypervisors(options)]);
    const found = asked.then(([providers, hypervisors]) => placesOf(providers, hypervisors));
    this.#places = { atMs, found };
    found.catch(() => {
      if (this.#places?.found === found) this.#places = null;
    });
    return found;
  }

  async #computeServices(options: CallOptions): Promise<ComputeService[]> {
    const atMs = Date.now();
    if (this.#services && atMs - this.#services.atMs < SERVICES_KEPT_MS) return this.#services.found;
    this.#services = { atMs, found: await this.#calls.computeServices(options) };
    return this.#services.found;
  }
}

/** So many at once. */
async function forEach<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const workers = Array.from({ length: Math.min(AT_ONCE, left.length) }, async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  });
  await Promise.all(workers);
}
