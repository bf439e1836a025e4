import type { ComputeService, Hypervisor, ProviderSummary, ResourceProvider, Resources } from 'openstack-client-ts';
import type { HostRoom } from '../controller/plan/world.ts';

/** Nova's hosts and where each stands in Placement. */
export interface HostPlaces {
  /** Nova's name of the host of each compute provider, by the provider's uuid. */
  hostOf: ReadonlyMap<string, string>;
}

/**
 * A compute host's provider has the name of its hypervisor, and is the root of its tree. A host with several hypervisors
 * (Ironic) is left out: nothing is live-migrated there, and its room is no one number.
 */
export function placesOf(providers: readonly ResourceProvider[], hypervisors: readonly Hypervisor[]): HostPlaces {
  const counts = new Map<string, number>();
  for (const { host } of hypervisors) counts.set(host, (counts.get(host) ?? 0) + 1);
  const hosts = new Map(
    hypervisors.flatMap(({ hostname, host }) => (counts.get(host) === 1 ? [[hostname, host] as const] : [])),
  );
  const roots = providers.filter(({ uuid, rootUuid }) => uuid === rootUuid);
  return {
    hostOf: new Map(
      roots.flatMap(({ uuid, name }) => {
        const host = hosts.get(name);
        return host === undefined ? [] : [[uuid, host] as const];
      }),
    ),
  };
}

export type ProviderUse = Pick<ProviderSummary, 'uuid' | 'capacity' | 'used'>;

/**
 * The room of each host of which Placement told.
 *
 * | capacity, used of MEMORY_MB | free  |
 * |-----------------------------|-------|
 * | 7680, 7424                  | 256   |
 * | 4096, 8192 (it was shrunk)  | -4096 |
 */
export function roomOf(
  { hostOf }: HostPlaces,
  told: readonly ProviderUse[],
  services: readonly ComputeService[],
): Map<string, HostRoom> {
  const serviceOf = new Map(services.map((service) => [service.host, service]));
  return new Map(
    told.flatMap(({ uuid, capacity, used }): [string, HostRoom][] => {
      const host = hostOf.get(uuid);
      if (host === undefined) return [];
      const service = serviceOf.get(host);
      const accepts = service?.status === 'enabled' && service.state === 'up' && !service.forcedDown;
      const free = Object.entries(capacity).map(([name, amount]) => [name, amount - (used[name] ?? 0)]);
      return [[host, { free: Object.fromEntries(free), zone: service?.zone ?? null, accepts }]];
    }),
  );
}

/** What a server holds of a compute host, and which one: only where it is on its way to one is that not its source. */
export function placeOf(
  { hostOf }: HostPlaces,
  allocations: ReadonlyMap<string, Resources>,
): { host: string; holds: Resources } | null {
  for (const [uuid, holds] of allocations) {
    const host = hostOf.get(uuid);
    if (host !== undefined) return { host, holds };
  }
  return null;
}
