import { readFileSync } from 'node:fs';
import { certificateEnd } from './api/certificates.ts';
import { renderMetrics } from './api/metrics.ts';
import type { Service } from './api/routes.ts';
import { ApiServer } from './api/server.ts';
import { EMPTY_TALLY, type Tally, tallyEnded } from './api/tally.ts';
import { readBootId } from './capability.ts';
import { runCommand } from './command.ts';
import type { Config } from './config.ts';
import type { Health, HostSample } from './contract.ts';
import { Host } from './host.ts';
import { VirshShell } from './libvirt/shell.ts';
import { Virsh } from './libvirt/virsh.ts';
import { acquireLock } from './lock.ts';
import type { HostdLog } from './log.ts';
import { portName } from './measure/count/netlink.ts';
import { Counters } from './measure/counters.ts';
import { dirtyVmStates } from './measure/dirty.ts';
import { DirtyRates } from './measure/dirtyrate.ts';
import { Domains } from './measure/domains.ts';
import { Sampler } from './measure/sampler.ts';
import { MigrationWatch } from './measure/watch.ts';
import { bootTimeMs } from './native.ts';
import { readProcess } from './process.ts';
import { createLeases, ownTraffic } from './reservation.ts';
import { GuestLimiter } from './shape/limiter.ts';

/** One that ends right now, or `clean`, is waited for. */
const LOCK_WAIT_MS = 3000;
/** Readings are made once a second; one hangs that neither ends nor fails in this time. */
const STALLED_MS = 20_000;

/** All of hostd on one host: the one place where its parts are wired. */
export class Daemon {
  readonly #config: Config;
  readonly #log: HostdLog;
  #stops: (() => unknown)[] = [];
  #server: ApiServer | null = null;
  #alive = () => false;
  #health: () => Health = () => health([]);

  constructor(config: Config, log: HostdLog) {
    this.#config = config;
    this.#log = log;
  }

  /**
   * Resolves with the port once every call is answered. @throws HostdError that says what is missing, and then all that
   * was started has ended.
   */
  async start(): Promise<number> {
    try {
      return await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #start(): Promise<number> {
    const config = this.#config;
    const { log } = this.#log;
    const lock = await acquireLock(config.stateDir, LOCK_WAIT_MS);
    this.#stops.push(() => lock.release());
    const host = new Host(config);
    const virsh = new Virsh(config.libvirtUri, runCommand, new VirshShell(config.libvirtUri));
    this.#stops.push(() => virsh.stop());
    const domains = new Domains(virsh, log);
    // What can fail is asked for first: a hostd that cannot serve touches nothing of the kernel's.
    await this.#started(host);
    const own = ownTraffic(config, host);
    const counters = new Counters({ nic: portName(config.nic), wanted: config.counting, own }, log);
    const sampler = new Sampler(
      {
        host: config.host,
        windowMs: config.windowMs,
        counters,
        domains: () => domains.list(),
        dirty: (vmUuid) => dirtyRates.dirty(vmUuid),
        residentBytes: (vmUuid) => dirtyRates.residentBytes(vmUuid),
      },
      log,
    );
    const leases = await createLeases(config, host, log);
    const watch = new MigrationWatch(virsh, domains, log);
    domains.eventsHeard = () => watch.problem() === null;
    const dirtyRates = new DirtyRates(
      {
        virsh,
        everyMs: config.dirtyRateEveryMs,
        vms: () => (watch.synced ? dirtyVmStates(domains.list(), watch.views()) : null),
      },
      log,
    );
    const limiter = new GuestLimiter(
      {
        virsh,
        stateDir: config.stateDir,
        bootId: await readBootId(),
        wanted: (vmUuid) => leases.guestLimits(vmUuid),
        migrating: () => watch.outgoing(),
        running: (vmUuid) => domains.ask(vmUuid),
      },
      log,
    );
    let tally: Tally = EMPTY_TALLY;
    watch.subscribe(() => {
      tally = tallyEnded(tally, watch.views());
    });
    const problems = (): Record<string, string | null> => ({
      libvirt: domains.problem ?? virsh.problem(),
      counters: sampler.problem ?? counters.problem(),
      events: watch.problem(),
      leases: leases.problem,
      limits: limiter.problem,
      nova: host.problem,
      certificates: server.problem,
    });
    this.#health = () => health(Object.values(problems()));
    let readAtMs = bootTimeMs();
    sampler.subscribe(() => {
      readAtMs = bootTimeMs();
    });
    // A reading that fails says so, and another hostd would fare no better.
    this.#alive = () => sampler.problem !== null || bootTimeMs() - readAtMs < STALLED_MS;
    const sample = (): HostSample => ({ ...sampler.sample(), reserved: leases.reserved() });
    const service: Service = {
      info: () => host.info(counters.choice()),
      sample,
      history: (seconds, vmUuids) => sampler.history(seconds, vmUuids),
      migrations: (after, waitMs, signal) => watch.answer(after, waitMs, signal),
      leases: () => leases.answer(),
      putLease: (leaseId, request, client) => leases.put(leaseId, request, client),
      deleteLease: (leaseId, fence, client) => leases.delete(leaseId, fence, client),
      health: this.#health,
      onSample: (listener) => sampler.subscribe(listener),
      onMigrations: (listener) => watch.subscribe(listener),
      metrics: async () =>
        renderMetrics({
          version: readVersion(),
          info: host.info(counters.choice()),
          sample: sampleOrNull(sample),
          nicBytes: nicBytesOrNull(counters),
          ...leases.answer(),
          migrations: watch.views(),
          tally,
          problems: Object.entries(problems()).map(([part, problem]) => ({ part, present: problem !== null })),
          server: server.figures(),
          suppressedLogLines: this.#log.suppressed(),
          certificateExpiresAtSeconds: certificateEnd(config.tls.cert),
          process: readProcess(),
        }),
    };
    const server = new ApiServer(service, { ...config.listen, tls: config.tls, clients: config.clients }, log);
    this.#server = server;
    const port = await this.#started(server);
    // What is left of an earlier run is put right before anybody may ask for more.
    await this.#started(leases);
    await this.#started(domains);
    await this.#started(sampler);
    await this.#started(watch);
    await this.#started(limiter);
    await this.#started(dirtyRates);
    server.open();
    return port;
  }

  /** Classes and leases stay: they go on after the next start, or end with their time. */
  async stop(): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop();
    this.#stops = [];
  }

  /** False once the counters are not read any more though nothing says why: only a new start helps then. */
  alive(): boolean {
    return this.#alive();
  }

  /** One line for the operator. */
  status(): string {
    const { status, problems } = this.#health();
    return problems.length === 0 ? status : `${status}: ${problems.join(' ')}`;
  }

  /** Takes up `clients` and the certificates. @throws HostdError `config-invalid`, and then all is as before. */
  reload({ clients }: Config): void {
    this.#server?.reload(clients);
  }

  async #started<T>(part: { start(): T | Promise<T>; stop(): unknown }): Promise<T> {
    this.#stops.push(() => part.stop());
    return part.start();
  }
}

function health(problems: (string | null)[]): Health {
  const present = problems.filter((problem) => problem !== null);
  return { status: present.length === 0 ? 'ok' : 'degraded', problems: present };
}

function nicBytesOrNull(counters: Counters): { txBytes: number; rxBytes: number } | null {
  try {
    return counters.nic();
  } catch {
    return null;
  }
}

function sampleOrNull(sample: () => HostSample): HostSample | null {
  try {
    return sample();
  } catch {
    return null;
  }
}

function readVersion(): string {
  const text = readFileSync(new URL('package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
