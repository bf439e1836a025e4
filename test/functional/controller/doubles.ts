import type { HostInfo, HostSample, Lease, MigrationView } from 'drover-hostd/contract';
import { ordinaryInfo, ordinarySample, ordinaryVm, workloadRates } from '../../../plugin/cli/ordinary.ts';
import { DroverError } from '../../../plugin/errors.ts';
import type {
  NovaCalls,
  NovaMigration,
  ServerDetails,
  Submission,
  WantedMigration,
} from '../../../plugin/nova/control.ts';
import type { LiveMigrateRequest } from '../../../plugin/proxy/live-migrate.ts';
import type { HostClient, LeaseWish } from '../../../plugin/tracker/hosts.ts';

/** Nova's uuid of the n-th server. */
export const vm = (n: number) => `6f1c3d0e-7d7f-4d57-8f67-2f1f5a3f9c${n.toString().padStart(2, '0')}`;

/** A Nova in memory: it takes a live migration of a known server once, and ends it when told to. */
export class NovaDouble {
  readonly servers = new Map<string, ServerDetails>();
  /** In the order they were asked for. */
  readonly issued: { vmUuid: string; by: 'caller' | 'service'; atMs: number }[] = [];
  readonly forced: { vmUuid: string; atMs: number }[] = [];
  readonly aborted: { vmUuid: string; novaMigrationId: number }[] = [];
  abortStatus = 202;
  readonly records = new Map<string, NovaMigration>();
  /** Whose each record is, by its id. */
  readonly askedBy = new Map<number, 'caller' | 'service'>();
  readonly #askedFor = new Map<string, number>();
  /** What a submission comes to; 202 registers it. */
  outcome: Submission = { status: 202, text: '' };
  computeHosts = ['compute-1', 'compute-2'];
  /** Takes the request although the answer is lost. */
  takesSilently = false;
  /** Does not tell of servers and migrations. */
  silent = false;
  /** What it says to whom asks with the caller's own token whether it would take a migration. */
  wouldTake: (token: string, vmUuid: string) => Promise<boolean> = async () => true;
  /** A search for a record is not answered before. */
  beforeFind: (vmUuid: string) => Promise<void> = async () => {};
  /** Happens between the last look at a server and the request. */
  beforeSubmission: () => void = () => {};

  addServer(vmUuid: string, change: Partial<ServerDetails> = {}): void {
    this.servers.set(vmUuid, {
      name: `vm-${vmUuid.slice(-2)}`,
      projectId: 'project',
      flavorName: 'm256',
      memoryBytes: 2 ** 28,
      metadata: {},
      imageId: null,
      availabilityZone: 'nova',
      status: 'ACTIVE',
      taskState: null,
      locked: false,
      host: 'compute-1',
      ...change,
    });
  }

  set(vmUuid: string, change: Partial<NovaMigration>): void {
    const record = this.records.get(vmUuid);
    if (!record) throw new Error(`the double was not asked to migrate ${vmUuid}`);
    this.records.set(vmUuid, { ...record, ...change });
  }

  take(vmUuid: string, by: 'caller' | 'service'): Submission {
    if (this.outcome === 'not-reached') return this.outcome;
    const taken = this.takesSilently || (typeof this.outcome === 'object' && this.outcome.status === 202);
    if (taken) {
      this.issued.push({ vmUuid, by, atMs: Date.now() });
      this.askedBy.set(this.issued.length, by);
      this.records.set(vmUuid, {
        id: this.issued.length,
        uuid: null,
        phase: 'running',
        status: 'running',
        destination: 'compute-2',
      });
    }
    return this.outcome;
  }

  calls(): NovaCalls {
    return {
      caller: async (token) => {
        const roles = { good: 'admin', manager: 'manager' }[token];
        return roles === undefined ? null : { userId: 'user', roles: [roles] };
      },
      visible: async (_token, id, microversion) => (this.servers.has(id) ? { microversion } : null),
      server: async (id) => {
        this.#answer();
        const server = this.servers.get(id);
        return server ? { ...server } : null;
      },
      findServer: async (vm) => {
        const found = [...this.servers].filter(([id, { name }]) => id === vm || name === vm);
        const [id, server] = found.length === 1 ? (found[0] ?? []) : [];
        return id && server ? { id, ...server } : null;
      },
      serversNamed: async (vm) =>
        [...this.servers]
          .filter(([id, { name }]) => id === vm || name === vm)
          .map(([id, server]) => ({ id, ...server })),
      servers: async (host) =>
        [...this.servers]
          .filter(([, server]) => host === null || server.host === host)
          .map(([id, server]) => ({ id, ...server })),
      abort: async (vmUuid, novaMigrationId) => {
        this.aborted.push({ vmUuid, novaMigrationId });
        if (this.abortStatus === 202) this.set(vmUuid, { phase: 'cancelled', status: 'cancelled' });
        return { status: this.abortStatus, text: 'said the double' };
      },
      computeHosts: async () => this.computeHosts,
      newestMigration: async (id) => this.records.get(id)?.id ?? 0,
      find: async (wanted) => {
        this.#answer();
        this.#askedFor.set(wanted.vmUuid, this.asked(wanted.vmUuid) + 1);
        await this.beforeFind(wanted.vmUuid);
        return this.#found(wanted);
      },
      forceComplete: async (vmUuid) => {
        this.forced.push({ vmUuid, atMs: Date.now() });
        return 202;
      },
      wouldTake: (token, vmUuid) => this.wouldTake(token, vmUuid),
      submit: async (vmUuid) => {
        this.beforeSubmission();
        return this.take(vmUuid, 'service');
      },
      forwarded: async (forward) => {
        const answer = await forward();
        return { submission: { status: answer.status, text: '' }, answer };
      },
      requestIdOf: async (vmUuid) => (this.records.has(vmUuid) ? `req-of-${vmUuid}` : null),
      seen: async (wanted) => {
        if (this.#found(wanted)) return 'ours';
        return this.records.get(wanted.vmUuid)?.phase === 'running' ? 'others' : 'none';
      },
    };
  }

  #found({ vmUuid, newestBefore, userId }: WantedMigration): NovaMigration | null {
    const record = this.records.get(vmUuid);
    if (!record || record.id <= newestBefore) return null;
    return (this.askedBy.get(record.id) === 'service') === (userId === null) ? record : null;
  }

  /** How often it was asked for this server's migration. */
  asked(vmUuid: string): number {
    return this.#askedFor.get(vmUuid) ?? 0;
  }

  #answer(): void {
    if (this.silent) throw new Error('connect ECONNREFUSED');
  }
}

/** A compute host in memory: answers samples, keeps leases, shows the migrations that a test sets. */
export class HostDouble implements HostClient {
  readonly host: string;
  readonly leases = new Map<string, LeaseWish>();
  postCopyPermitted = true;
  maxConcurrentLiveMigrations = 4;
  reachable = true;
  workloadBitsPerSecond = { tx: 0, rx: 0 };
  vmUuids: string[] = [];
  #views: MigrationView[] = [];
  #revision = 0;
  #waiting: (() => void)[] = [];

  constructor(host: string) {
    this.host = host;
  }

  show(views: MigrationView[]): void {
    this.#views = views;
    this.#revision += 1;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async info(): Promise<HostInfo> {
    this.#answer();
    return {
      ...ordinaryInfo(this.host, 500e6),
      shapeableBitsPerSecond: 475e6,
      migrationAddress: '192.0.2.1',
      postCopy: { permitted: this.postCopyPermitted, reason: 'set by the test' },
      maxConcurrentLiveMigrations: this.maxConcurrentLiveMigrations,
    };
  }

  async sample(): Promise<HostSample> {
    this.#answer();
    const { tx, rx } = this.workloadBitsPerSecond;
    const vms = this.vmUuids.map((vmUuid) => ordinaryVm(vmUuid, `instance-${vmUuid.slice(-2)}`, 2 ** 28));
    return ordinarySample(this.host, Date.now(), workloadRates(tx, rx), vms);
  }

  async migrations(after: number | null, waitMs: number, signal?: AbortSignal) {
    this.#answer();
    if (after !== null && after >= this.#revision) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        const wake = () => {
          clearTimeout(timer);
          resolve();
        };
        this.#waiting.push(wake);
        signal?.addEventListener('abort', wake);
      });
    }
    return { revision: this.#revision, nowMs: Date.now(), migrations: this.#views };
  }

  async putLease(leaseId: string, lease: LeaseWish): Promise<Lease> {
    this.#answer();
    this.leases.set(leaseId, lease);
    return { ...lease, fence: 1, leaseId, owner: 'plugin', expiresInMs: lease.ttlMs };
  }

  async deleteLease(leaseId: string): Promise<void> {
    this.#answer();
    this.leases.delete(leaseId);
  }

  #answer(): void {
    if (!this.reachable) throw new DroverError('hostd-unreachable', `hostd on ${this.host}: connection refused`);
  }
}

/** What the proxy hands on of a request for the n-th server. */
export function liveMigrateRequest(n: number, change: Partial<LiveMigrateRequest> = {}): LiveMigrateRequest {
  return {
    serverId: vm(n),
    host: 'compute-2',
    blockMigration: 'auto',
    diskOverCommit: null,
    force: null,
    microversion: '2.93',
    rawBody: Buffer.from('{}'),
    token: 'good',
    clientAddress: '192.0.2.9',
    method: 'POST',
    path: `/v2.1/servers/${vm(n)}/action`,
    rawHeaders: [],
    receivedAtMs: Date.now(),
    signal: new AbortController().signal,
    ...change,
  };
}

/** hostd's view of the n-th server's migration on its source. */
export function sourceView(n: number, change: Partial<MigrationView> = {}): MigrationView {
  return {
    vmUuid: vm(n),
    domain: `instance-${n}`,
    role: 'source',
    status: 'active',
    startedAtMs: Date.now(),
    activeAtMs: Date.now(),
    postCopyAtMs: null,
    postCopyPausedAtMs: null,
    stoppedAtMs: null,
    resumedAtMs: null,
    endedAtMs: null,
    passes: [],
    iterations: 1,
    memoryTotalBytes: 100,
    memoryRemainingBytes: 50,
    memoryTransferredBytes: 50,
    transferBitsPerSecond: 1,
    dirtyBytesPerSecond: 0,
    postCopyRequests: 0,
    longestPageFaultMs: null,
    ...change,
  };
}
