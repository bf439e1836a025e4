import { z } from 'zod';
import type { CallOptions, OpenStackConfig } from './config.ts';
import { type HttpAnswer, parseBody, requireSuccess } from './http.ts';
import type { Identity } from './identity.ts';
import { callService, type ServiceKind } from './service.ts';

/** 1.29 (Rocky) is the first whose summaries name all resource classes (1.27) and the root of each provider. */
const DEFAULT_MICROVERSION = '1.29';

/** Amounts by resource class, in the unit that its name says: `{ VCPU: 2, MEMORY_MB: 4096, DISK_GB: 20 }`. */
export type Resources = Record<string, number>;

const Amounts = z.record(z.string(), z.number());

const Providers = z.object({
  resource_providers: z.array(
    z
      .object({ uuid: z.string(), name: z.string(), root_provider_uuid: z.string() })
      .transform(({ uuid, name, root_provider_uuid }) => ({ uuid, name, rootUuid: root_provider_uuid })),
  ),
});
export type ResourceProvider = z.infer<typeof Providers>['resource_providers'][number];

const Candidates = z.object({
  provider_summaries: z.record(
    z.string(),
    z.object({
      /** `capacity`: (total - reserved) × allocation ratio, as Placement counts. */
      resources: z.record(z.string(), z.object({ capacity: z.number(), used: z.number() })),
      root_provider_uuid: z.string(),
    }),
  ),
});

/** What a resource provider has and what is used of it. */
export interface ProviderSummary {
  uuid: string;
  rootUuid: string;
  capacity: Resources;
  used: Resources;
}

const Inventories = z.object({
  inventories: z.record(
    z.string(),
    z.object({ total: z.number(), reserved: z.number(), allocation_ratio: z.number() }),
  ),
});
const Usages = z.object({ usages: Amounts });

const Allocations = z.object({
  allocations: z.record(z.string(), z.object({ resources: Amounts })),
});

/** The calls of Placement that Drover makes, all of which read. */
export class PlacementClient {
  readonly #config: OpenStackConfig;
  readonly #identity: Identity;
  readonly #kind: ServiceKind;

  constructor(config: OpenStackConfig, identity: Identity) {
    this.#config = config;
    this.#identity = identity;
    this.#kind = {
      type: 'placement',
      endpoint: config.placementEndpoint,
      baseUrl: (endpoint) => endpoint.replace(/\/+$/, ''),
      versionHeaders: (microversion) => ({ 'openstack-api-version': `placement ${microversion}` }),
      defaultMicroversion: DEFAULT_MICROVERSION,
    };
  }

  /** All resource providers. That of a compute host has the name of its hypervisor. */
  async resourceProviders(options: CallOptions = {}): Promise<ResourceProvider[]> {
    const answer = requireSuccess(await this.#get('/resource_providers', {}, options));
    return parseBody(answer, Providers).resource_providers;
  }

  /**
   * The providers that could give these resources now, with all that each has and what is used of it. One that is full is
   * not among them.
   */
  async allocationCandidates(resources: Resources, options: CallOptions = {}): Promise<ProviderSummary[]> {
    const wanted = Object.entries(resources).map(([name, amount]) => `${name}:${amount}`);
    const answer = requireSuccess(await this.#get('/allocation_candidates', { resources: wanted.join(',') }, options));
    const { provider_summaries: summaries } = parseBody(answer, Candidates);
    return Object.entries(summaries).map(([uuid, { resources: all, root_provider_uuid: rootUuid }]) => ({
      uuid,
      rootUuid,
      capacity: Object.fromEntries(Object.entries(all).map(([name, { capacity }]) => [name, capacity])),
      used: Object.fromEntries(Object.entries(all).map(([name, { used }]) => [name, used])),
    }));
  }

  /** What one provider has and what is used of it, full or not; null: it is gone. */
  async provider(uuid: string, options: CallOptions = {}): Promise<Pick<ProviderSummary, 'capacity' | 'used'> | null> {
    const path = `/resource_providers/${encodeURIComponent(uuid)}`;
    const [inventories, usages] = await Promise.all([
      this.#get(`${path}/inventories`, {}, options),
      this.#get(`${path}/usages`, {}, options),
    ]);
    if (inventories.status === 404 || usages.status === 404) return null;
    const { inventories: all } = parseBody(requireSuccess(inventories), Inventories);
    const capacity = Object.entries(all).map(([name, { total, reserved, allocation_ratio: ratio }]) => [
      name,
      Math.trunc((total - reserved) * ratio),
    ]);
    return { capacity: Object.fromEntries(capacity), used: parseBody(requireSuccess(usages), Usages).usages };
  }

  /**
   * What a consumer (a server, by its uuid) holds, by the uuid of the provider; empty where it holds nothing. While a
   * server migrates it holds its place at the destination, and the migration's uuid holds that at the source
   * (nova/conductor/tasks/migrate.py, replace_allocation_with_migration).
   */
  async allocations(consumerUuid: string, options: CallOptions = {}): Promise<Map<string, Resources>> {
    const path = `/allocations/${encodeURIComponent(consumerUuid)}`;
    const { allocations } = parseBody(requireSuccess(await this.#get(path, {}, options)), Allocations);
    return new Map(Object.entries(allocations).map(([provider, { resources }]) => [provider, resources]));
  }

  #get(path: string, query: Record<string, string>, options: CallOptions): Promise<HttpAnswer> {
    return callService(this.#kind, this.#config, this.#identity, { ...options, method: 'GET', path, query });
  }
}
