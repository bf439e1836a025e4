import { z } from 'zod';
import { type CallOptions, computeUrl, type OpenStackConfig } from './config.ts';
import { faultMessage, type HttpAnswer, parseBody, requireSuccess } from './http.ts';
import { Identity, type TokenInfo } from './identity.ts';
import { allPages, type Page } from './pages.ts';
import { PlacementClient } from './placement.ts';
import {
  ComputeService,
  Hypervisor,
  InstanceAction,
  Migration,
  Server,
  ServerMigration,
  VersionAnswer,
} from './schema.ts';
import { type Call, callService, type ServiceKind } from './service.ts';

/** 2.80 (Train) is the first with everything that is read here: embedded flavor, migration uuid, user and project. */
const DEFAULT_MICROVERSION = '2.80';
const LIVE_MIGRATE_TIMEOUT_MS = 180_000;

/** What Nova said to something that changes state. Any HTTP status is an answer and never thrown. */
export interface NovaAnswer {
  status: number;
  requestId: string | null;
  /** The microversion that Nova says it used. */
  microversion: string | null;
  /** Nova's own words where it refused. */
  message: string | null;
  body: unknown;
  /** Names in lower case. */
  headers: Record<string, string>;
}

export interface LiveMigrateBody {
  /** Null: the scheduler chooses. */
  host: string | null;
  blockMigration: boolean | 'auto';
  /** Below 2.25 only, and required there. */
  diskOverCommit?: boolean;
  /** 2.30 to 2.67 only. */
  force?: boolean;
}

export interface MigrationFilter {
  instanceUuid?: string;
  status?: string;
  migrationType?: string;
  host?: string;
  changesSinceMs?: number;
}

const Servers = z.object({ servers: z.array(Server), servers_links: z.array(z.unknown()).optional() });
const Hypervisors = z.object({ hypervisors: z.array(Hypervisor), hypervisors_links: z.array(z.unknown()).optional() });
const Migrations = z.object({ migrations: z.array(Migration), migrations_links: z.array(z.unknown()).optional() });

/** The calls of Keystone and Nova that Drover makes. Safe to share; it holds one token for all callers. */
export class OpenStackClient {
  /** With the same token. */
  readonly placement: PlacementClient;
  readonly #config: OpenStackConfig;
  readonly #identity: Identity;
  readonly #nova: ServiceKind;

  constructor(config: OpenStackConfig) {
    this.#config = config;
    this.#identity = new Identity(config);
    this.placement = new PlacementClient(config, this.#identity);
    this.#nova = {
      type: 'compute',
      endpoint: config.computeEndpoint,
      baseUrl: computeUrl,
      // Releases before Newton know only the second one.
      versionHeaders: (microversion) => ({
        'openstack-api-version': `compute ${microversion}`,
        'x-openstack-nova-api-version': microversion,
      }),
      defaultMicroversion: DEFAULT_MICROVERSION,
    };
  }

  /** Who holds a token, and with which roles; null if it is not valid (any more). */
  validateToken(token: string, options: CallOptions = {}): Promise<TokenInfo | null> {
    return this.#identity.validateToken(token, options);
  }

  /** Who this client's account is, what it may, and where other clients find Nova. */
  async account(): Promise<{ userId: string; roles: string[]; publicComputeUrls: string[] }> {
    const { userId, roles, catalogue } = await this.#identity.ownToken();
    const { region } = this.#config;
    const endpoints = catalogue.filter(({ type }) => type === 'compute').flatMap((service) => service.endpoints);
    const ours = endpoints.filter((one) => one.interface === 'public' && (!region || one.region_id === region));
    return { userId, roles, publicComputeUrls: ours.map(({ url }) => url) };
  }

  /** The microversions that this Nova speaks. */
  async versions(options: CallOptions = {}): Promise<{ min: string; max: string }> {
    const answer = await this.#send({ ...options, method: 'GET', path: '/' });
    return parseBody(requireSuccess(answer), VersionAnswer);
  }

  /**
   * Whether this token sees this server, in any microversion, and which one Nova answered in; null if Nova knows no such
   * server.
   */
  async seesServer(serverId: string, options: CallOptions = {}): Promise<{ microversion: string | null } | null> {
    const answer = await this.#send({ ...options, method: 'GET', path: serverPath(serverId) });
    if (answer.status === 404) return null;
    parseBody(requireSuccess(answer), z.object({ server: z.object({ id: z.string() }) }));
    return { microversion: echoedMicroversion(answer) };
  }

  /**
   * A server. Microversions below 2.47 do not tell its memory.
   *
   * @throws OpenStackError `not-found`, `unauthorized`, `forbidden`, ...
   */
  async showServer(serverId: string, options: CallOptions = {}): Promise<Server> {
    const answer = requireSuccess(await this.#send({ ...options, method: 'GET', path: serverPath(serverId) }));
    const { server } = parseBody(answer, z.object({ server: Server }));
    return { ...server, microversion: echoedMicroversion(answer) };
  }

  /** Servers of all projects (unless told otherwise), by exact name and by host. */
  async listServers(
    filter: { name?: string; host?: string; allProjects?: boolean } = {},
    options: CallOptions = {},
  ): Promise<Server[]> {
    const query: Record<string, string | undefined> = {
      all_tenants: filter.allProjects === false ? undefined : '1',
      // Nova takes the name as a regular expression of the database.
      name: filter.name === undefined ? undefined : `^${filter.name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`,
      host: filter.host,
    };
    const found = await this.#list('/servers/detail', query, options, (answer) => {
      const { servers, servers_links } = parseBody(answer, Servers);
      const items = servers.map((server) => ({ ...server, microversion: echoedMicroversion(answer) }));
      return { items, more: Boolean(servers_links?.length), marker: items.at(-1)?.id };
    });
    return filter.name === undefined ? found : found.filter((server) => server.name === filter.name);
  }

  /**
   * Asks Nova for a live migration. 202 has no body and no migration id; `requestId` is in os-instance-actions. Waits at
   * least 180 s: below 2.34 Nova answers after its checks on both hosts.
   */
  liveMigrate(serverId: string, migrate: LiveMigrateBody, options: CallOptions = {}): Promise<NovaAnswer> {
    const { host, blockMigration, diskOverCommit, force } = migrate;
    return this.#act({
      ...options,
      timeoutMs: options.timeoutMs ?? Math.max(LIVE_MIGRATE_TIMEOUT_MS, this.#config.timeoutMs ?? 0),
      method: 'POST',
      path: `${serverPath(serverId)}/action`,
      body: {
        'os-migrateLive': {
          host,
          block_migration: blockMigration,
          ...(diskOverCommit === undefined ? {} : { disk_over_commit: diskOverCommit }),
          ...(force === undefined ? {} : { force }),
        },
      },
    });
  }

  /** `os-migrations`: also shows what `/servers/{id}/migrations` hides once post-copy runs. Newest first. */
  async listMigrations(filter: MigrationFilter, options: CallOptions = {}): Promise<Migration[]> {
    const query: Record<string, string | undefined> = {
      instance_uuid: filter.instanceUuid,
      status: filter.status,
      migration_type: filter.migrationType,
      host: filter.host,
      'changes-since': filter.changesSinceMs === undefined ? undefined : new Date(filter.changesSinceMs).toISOString(),
    };
    return this.#list('/os-migrations', query, options, (answer) => {
      const { migrations, migrations_links } = parseBody(answer, Migrations);
      return { items: migrations, more: Boolean(migrations_links?.length), marker: migrations.at(-1)?.uuid };
    });
  }

  /** A migration in progress with its memory figures (5 s old at worst); null once Nova does not show it any more. */
  async showServerMigration(
    serverId: string,
    migrationId: number,
    options: CallOptions = {},
  ): Promise<ServerMigration | null> {
    const answer = await this.#send({ ...options, method: 'GET', path: migrationPath(serverId, migrationId) });
    if (answer.status === 404) return null;
    return parseBody(requireSuccess(answer), z.object({ migration: ServerMigration })).migration;
  }

  /** Post-copy where that is permitted; where it is not, Nova pauses the guest. 202 does not prove that it took. */
  forceComplete(serverId: string, migrationId: number, options: CallOptions = {}): Promise<NovaAnswer> {
    return this.#act({
      ...options,
      method: 'POST',
      path: `${migrationPath(serverId, migrationId)}/action`,
      body: { force_complete: null },
    });
  }

  abortMigration(serverId: string, migrationId: number, options: CallOptions = {}): Promise<NovaAnswer> {
    return this.#act({ ...options, method: 'DELETE', path: migrationPath(serverId, migrationId) });
  }

  /** What was asked of a server and by whom, newest first. */
  async instanceActions(serverId: string, options: CallOptions = {}): Promise<InstanceAction[]> {
    const path = `${serverPath(serverId)}/os-instance-actions`;
    const answer = requireSuccess(await this.#send({ ...options, method: 'GET', path }));
    return parseBody(answer, z.object({ instanceActions: z.array(InstanceAction) })).instanceActions;
  }

  /** The nova-compute services. */
  async computeServices(options: CallOptions = {}): Promise<ComputeService[]> {
    const query = { binary: 'nova-compute' };
    const answer = requireSuccess(await this.#send({ ...options, method: 'GET', path: '/os-services', query }));
    return parseBody(answer, z.object({ services: z.array(ComputeService) })).services;
  }

  async hypervisors(options: CallOptions = {}): Promise<Hypervisor[]> {
    return this.#list('/os-hypervisors/detail', {}, options, (answer) => {
      const { hypervisors, hypervisors_links } = parseBody(answer, Hypervisors);
      return { items: hypervisors, more: Boolean(hypervisors_links?.length), marker: hypervisors.at(-1)?.id };
    });
  }

  async #act(call: Call): Promise<NovaAnswer> {
    const answer = await this.#send(call);
    return {
      status: answer.status,
      requestId: answer.headers['x-openstack-request-id'] ?? null,
      microversion: echoedMicroversion(answer),
      message: answer.status >= 300 ? faultMessage(answer.body) : null,
      body: answer.body,
      headers: answer.headers,
    };
  }

  #list<Item>(
    path: string,
    query: Record<string, string | undefined>,
    options: CallOptions,
    read: (answer: HttpAnswer) => Page<Item>,
  ): Promise<Item[]> {
    return allPages((page) => this.#send({ ...options, method: 'GET', path, query: { ...query, ...page } }), read);
  }

  #send(call: Call): Promise<HttpAnswer> {
    return callService(this.#nova, this.#config, this.#identity, call);
  }
}

function serverPath(serverId: string): string {
  return `/servers/${encodeURIComponent(serverId)}`;
}

function migrationPath(serverId: string, migrationId: number): string {
  return `${serverPath(serverId)}/migrations/${migrationId}`;
}

function echoedMicroversion(answer: HttpAnswer): string | null {
  return answer.headers['x-openstack-nova-api-version'] ?? null;
}
