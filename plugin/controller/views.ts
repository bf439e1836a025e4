import { hostView } from '../api/hosts.ts';
import type {
  AuditEntry,
  HostView,
  MigrationEvent,
  MigrationRecord,
  MigrationsQuery,
  Notice,
  Plan,
  PolicyExplanation,
  ServersQuery,
  ServerView,
  WhatIfAnswer,
  WhatIfRequest,
} from '../contract.ts';
import { DroverError } from '../errors.ts';
import type { NovaCalls } from '../nova/control.ts';
import { globMatches } from '../policy/glob.ts';
import type { PolicyFiles } from '../policy/watch.ts';
import type { Tracker } from '../tracker/tracker.ts';
import { answerWhatIf, presentPlan } from './foresight.ts';
import type { Outlook } from './outlook.ts';
import { explainPolicy } from './plan/explain.ts';
import type { QueuedMigration } from './plan/world.ts';
import { type Queue, waits } from './queue.ts';
import { shown } from './show.ts';
import type { Store, StoredMigration } from './store/store.ts';

export interface ViewParts {
  store: Store;
  queue: Queue;
  outlook: Outlook;
  tracker: Tracker;
  policy: PolicyFiles;
  nova: Pick<NovaCalls, 'servers' | 'findServer' | 'computeHosts'>;
}

/** What the control API shows: nothing is changed by it, and a replica that follows shows it as well. */
export class Views {
  readonly #parts: ViewParts;

  constructor(parts: ViewParts) {
    this.#parts = parts;
  }

  shown(record: StoredMigration): MigrationRecord {
    return shown(record, this.#parts.tracker, this.#parts.outlook.ahead);
  }

  /** Nova's servers, by name. */
  async servers({ name, host, project, limit }: ServersQuery): Promise<ServerView[]> {
    const servers = await this.#parts.nova.servers(host ?? null);
    return servers
      .filter((server) => name === undefined || globMatches(name, server.name))
      .filter((server) => project === undefined || server.projectId === project)
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1))
      .slice(0, limit)
      .map(({ id, name, projectId, host, status, flavorName, memoryBytes }) => {
        return { id, name, projectId, host, status, flavorName, memoryBytes };
      });
  }

  hosts(): HostView[] {
    const { tracker, policy } = this.#parts;
    const moving = this.#parts.queue.entries().filter((entry) => !waits(entry));
    const now = { nowMs: Date.now(), policy: policy.policy, moving };
    return [...tracker.hosts].map(([name, host]) => hostView(name, host, now));
  }

  async unfinished(): Promise<MigrationRecord[]> {
    return this.#parts.queue.entries().map((entry) => this.shown(entry));
  }

  /** Those that the store has, newest first. */
  async list(query: MigrationsQuery): Promise<MigrationRecord[]> {
    return (await this.#parts.store.list(query)).map((record) => this.shown(record));
  }

  async migration(id: number): Promise<MigrationRecord | null> {
    const record = await this.#parts.store.get(id);
    return record ? this.shown(record) : null;
  }

  events(id: number): Promise<MigrationEvent[]> {
    return this.#parts.store.events(id);
  }

  notices(after: number, limit: number): Promise<Notice[]> {
    return this.#parts.store.notices(after, limit);
  }

  plan(): Plan {
    return presentPlan(this.#parts.outlook.world(), this.#parts.queue.entries());
  }

  whatIf(request: WhatIfRequest): Promise<WhatIfAnswer> {
    const { outlook, queue, nova } = this.#parts;
    return answerWhatIf(
      request,
      () => outlook.world(),
      () => queue.entries(),
      nova,
    );
  }

  audit(before: number | null, limit: number): Promise<AuditEntry[]> {
    return this.#parts.store.audit(before, limit);
  }

  /** What the policy says of a server now; the server may be queued or any that Nova knows by that name or id. */
  async explain(vm: string, destination: string | null): Promise<PolicyExplanation> {
    const world = this.#parts.outlook.world();
    const queued: QueuedMigration | undefined = world.queue.find(
      ({ vmUuid, server }) => vmUuid === vm || server.name === vm,
    );
    const migration = queued ?? (await this.#wouldBe(vm));
    const asked = destination === null ? migration : { ...migration, destination, choosable: false };
    if (!world.policy) throw new DroverError('policy-missing', 'no policy is in effect; GET /v1/policy says why');
    return explainPolicy(world, world.policy, asked);
  }

  async #wouldBe(vm: string): Promise<QueuedMigration> {
    const server = await this.#parts.nova.findServer(vm);
    if (!server) throw new DroverError('server-unknown', `Nova knows no server ${vm}, by name or id, or several`);
    const { id, host, ...facts } = server;
    if (host === null) throw new DroverError('server-unknown', `Nova names no host of ${vm}`);
    return {
      id: 0,
      vmUuid: id,
      source: host,
      destination: null,
      choosable: true,
      receivedAtMs: Date.now(),
      server: facts,
    };
  }
}
