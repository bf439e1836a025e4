import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Service } from '../../hostd/api/routes.ts';
import { ApiServer } from '../../hostd/api/server.ts';
import type { HostInfo, HostSample, MigrationView } from '../../hostd/contract.ts';
import { Leases } from '../../hostd/shape/leases.ts';
import { ordinaryInfo, ordinarySample, ordinaryVm, workloadRates } from '../../plugin/cli/ordinary.ts';
import { freePort } from '../free-port.ts';
import type { Moment } from './ledger.ts';
import type { MachineMigration, Machines } from './machines.ts';

const LINK_BITS_PER_SECOND = 500e6;
const SHAPEABLE_BITS_PER_SECOND = 475e6;
const MEMORY_BYTES = 2 ** 28;
const SHOWN_AFTER_END_MS = 60_000;

export interface CloudHostOptions {
  host: string;
  /** Holds `ca.crt`, `HOST.crt`, `HOST.key`. */
  tlsDir: string;
  stateDir: string;
  /** Nova's max_concurrent_live_migrations. */
  concurrent: number;
  /** Workload traffic of the host; it decides contention and with it technique and strategy. */
  workloadTxBitsPerSecond: number;
  workloadRxBitsPerSecond: number;
}

/** hostd's own API and leases over a host without a kernel: what it shows of migrations is what the Nova double does. */
export class CloudHost {
  readonly leases: Leases;
  /** What a test makes of its samples. */
  alter: (sample: HostSample) => HostSample = (sample) => sample;
  readonly #service: Service;
  #server: ApiServer | null = null;
  #port = 0;
  readonly #options: CloudHostOptions;
  readonly #machines: Machines;
  #revision = 1;
  #waiting: (() => void)[] = [];

  constructor(options: CloudHostOptions, machines: Machines, moment: (moment: Moment) => void) {
    this.#options = options;
    this.#machines = machines;
    const { host, stateDir } = options;
    mkdirSync(stateDir, { recursive: true });
    this.leases = new Leases(
      {
        stateDir,
        bootId: 'boot',
        linkBitsPerSecond: () => LINK_BITS_PER_SECOND,
        shapeableBitsPerSecond: () => SHAPEABLE_BITS_PER_SECOND,
        apply: async () => {},
        intact: async () => true,
      },
      pino({ level: 'silent' }),
    );
    this.#service = {
      info: () => this.#info(),
      sample: () => this.alter(this.#sample()),
      history: () => ({ host, nowMs: Date.now(), entries: [] }),
      migrations: (after, waitMs, signal) => this.#migrations(after, waitMs, signal),
      leases: () => this.leases.answer(),
      putLease: async (id, request, client) => {
        moment('lease-asked');
        const lease = await this.leases.put(id, request, client);
        moment('lease-put');
        return lease;
      },
      deleteLease: async (id, fence, client) => {
        moment('lease-delete-asked');
        await this.leases.delete(id, fence, client);
        moment('lease-deleted');
      },
      health: () => ({ status: 'ok', problems: [] }),
      metrics: async () => '',
      onSample: () => () => {},
      onMigrations: () => () => {},
    };
  }

  /** The port that it listens on, the same one after a `stop`. */
  async start(): Promise<number> {
    await this.leases.start();
    await this.speak();
    return this.#port;
  }

  /** Answers, again after `fallSilent`. */
  async speak(): Promise<void> {
    const { host, tlsDir } = this.#options;
    const at = (name: string) => join(tlsDir, name);
    const tls = { ca: at('ca.crt'), cert: at(`${host}.crt`), key: at(`${host}.key`) };
    this.#port ||= await freePort();
    const options = { address: '127.0.0.1', port: this.#port, tls, clients: { plugin: 'reserve' as const } };
    this.#server = new ApiServer(this.#service, options, pino({ level: 'silent' }));
    await this.#server.start();
    this.#server.open();
  }

  /** As a hostd that was stopped: connections are refused. */
  async fallSilent(): Promise<void> {
    await this.#server?.stop();
  }

  async stop(): Promise<void> {
    await this.fallSilent();
    await this.leases.stop();
  }

  /** Something that it shows has changed. */
  changed(): void {
    this.#revision += 1;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #migrations(after: number, waitMs: number, signal: AbortSignal) {
    if (after >= this.#revision) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        const wake = () => {
          clearTimeout(timer);
          resolve();
        };
        this.#waiting.push(wake);
        signal.addEventListener('abort', wake);
      });
    }
    return { revision: this.#revision, nowMs: Date.now(), migrations: this.#views() };
  }

  #views(): MigrationView[] {
    const { host } = this.#options;
    const since = Date.now() - SHOWN_AFTER_END_MS;
    return this.#machines.migrations
      .filter(({ runningAtMs, endedAtMs }) => runningAtMs !== null && (endedAtMs ?? Infinity) > since)
      .flatMap((migration) => {
        if (migration.source === host) return [viewOf(migration, 'source')];
        return migration.destination === host ? [viewOf(migration, 'destination')] : [];
      });
  }

  #info(): HostInfo {
    return {
      ...ordinaryInfo(this.#options.host, LINK_BITS_PER_SECOND),
      shapeableBitsPerSecond: SHAPEABLE_BITS_PER_SECOND,
      migrationAddress: '192.0.2.1',
      maxConcurrentLiveMigrations: this.#options.concurrent,
    };
  }

  #sample(): HostSample {
    const { host, workloadTxBitsPerSecond, workloadRxBitsPerSecond } = this.#options;
    const { tx, rx } = this.leases.reserved();
    const vms = [...this.#machines.machines.values()]
      .filter((machine) => machine.host === host)
      .map(({ id }) => ({
        ...ordinaryVm(id, `instance-${id.slice(-8)}`, MEMORY_BYTES),
        txBitsPerSecond: 1e6,
        rxBitsPerSecond: 20e6,
        dirtyBytesPerSecond: 1e6,
      }));
    const nic = workloadRates(workloadTxBitsPerSecond, workloadRxBitsPerSecond);
    return { ...ordinarySample(host, Date.now(), nic, vms), reserved: { tx, rx } };
  }
}

function viewOf(migration: MachineMigration, role: MigrationView['role']): MigrationView {
  const { machine, runningAtMs, postCopyAtMs, endedAtMs, status } = migration;
  const completed = status === 'completed';
  const ended = endedAtMs !== null;
  const running = postCopyAtMs === null ? 'active' : 'post-copy';
  const source = role === 'source';
  const final = completed ? 'completed' : status === 'cancelled' ? 'cancelled' : 'failed';
  return {
    vmUuid: machine.id,
    domain: `instance-${machine.id.slice(-8)}`,
    role,
    status: ended ? final : source ? running : 'incoming',
    startedAtMs: runningAtMs,
    activeAtMs: source ? runningAtMs : null,
    postCopyAtMs: source ? postCopyAtMs : null,
    postCopyPausedAtMs: null,
    stoppedAtMs: source && completed ? (postCopyAtMs ?? endedAtMs) : null,
    resumedAtMs: !source && completed ? (postCopyAtMs ?? endedAtMs) : null,
    endedAtMs,
    passes: source && runningAtMs !== null ? [1, 2].map((pass) => ({ pass, atMs: runningAtMs + pass * 50 })) : [],
    iterations: 2,
    memoryTotalBytes: MEMORY_BYTES,
    memoryRemainingBytes: ended ? 0 : Math.round(MEMORY_BYTES * (1 - doneShare(migration))),
    memoryTransferredBytes: MEMORY_BYTES,
    transferBitsPerSecond: 100e6,
    dirtyBytesPerSecond: 1e6,
    postCopyRequests: 0,
    longestPageFaultMs: null,
  };
}

/** Half of it, unless it is known how long it runs. */
function doneShare({ runsForMs, runningAtMs }: MachineMigration): number {
  if (runsForMs === null || runningAtMs === null) return 0.5;
  return Math.min(0.99, (Date.now() - runningAtMs) / runsForMs);
}
