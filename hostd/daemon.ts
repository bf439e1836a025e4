import { readFileSync } from 'node:fs';
import { certificateEnd } from './api/certificates.ts';
import { renderMetrics } from './api/metrics.ts';
import type { Service } from './api/routes.ts';
import { ApiServer } from './api/server.ts';
import { EMPTY_TALLY, type Tally, tallyEnded } from './api/tally.ts';
import { readBootId } from './capability.ts';
import type { Config } from './config.ts';
import type { Health, HostSample } from './contract.ts';
import { Host } from './host.ts';
import { Virsh } from './libvirt/virsh.ts';
import type { HostdLog } from './log.ts';
import { portName } from './measure/count/netlink.ts';
import { Counters } from './measure/counters.ts';
import { Domains } from './measure/domains.ts';
import type { OwnTraffic } from './measure/netfilter.ts';
import { Sampler } from './measure/sampler.ts';
import { MigrationWatch } from './measure/watch.ts';
import { readProcess } from './process.ts';
import { Shaper } from './shape/apply.ts';
import type { LinkLimits } from './shape/htb.ts';
import { Leases } from './shape/leases.ts';
import { GuestLimiter } from './shape/limiter.ts';

/** ssh, libvirt over TCP and TLS, RabbitMQ; hostd's own port is added. */
const CONTROL_PORTS = [22, 16509, 16514, 5672];

/** All of hostd on one host: the one place where its parts are wired. */
export class Daemon {
  readonly #config: Config;
  readonly #log: HostdLog;
  #stops: (() => unknown)[] = [];
  #server: ApiServer | null = null;

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
    const bootId = await readBootId();
    const host = new Host(config);
    const virsh = new Virsh(config.libvirtUri);
    const domains = new Domains(virsh, log);
    // What can fail is asked for first: a hostd that cannot serve touches nothing of the kernel's.
    await this.#started(host);
    const own = ownTraffic(config, host);
    const counters = new Counters({ nic: portName(config.nic), wanted: config.counting, own }, log);
    const sampler = new Sampler(
      { host: config.host, windowMs: config.windowMs, counters, domains: () => domains.list() },
      log,
    );
    const shaper = new Shaper(
      {
        nic: config.nic,
        stateDir: config.stateDir,
        bootId,
        limits: (direction) => linkLimits(direction, config, host),
      },
      log,
    );
    const leases = new Leases(
      {
        stateDir: config.stateDir,
        bootId,
        linkBitsPerSecond: () => host.linkBitsPerSecond,
        shapeableBitsPerSecond: () => host.shapeableBitsPerSecond,
        apply: (desired) => shaper.apply(desired),
        intact: () => shaper.intact(),
      },
      log,
    );
    const watch = new MigrationWatch(virsh, domains, log);
    const limiter = new GuestLimiter(
      {
        virsh,
        stateDir: config.stateDir,
        bootId,
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
    const sample = (): HostSample => ({ ...sampler.sample(), reserved: leases.reserved() });
    const service: Service = {
      info: () => host.info(counters.choice()),
      sample,
      history: (seconds, vmUuids) => sampler.history(seconds, vmUuids),
      migrations: (after, waitMs, signal) => watch.answer(after, waitMs, signal),
      leases: () => leases.answer(),
      putLease: (leaseId, request, client) => leases.put(leaseId, request, client),
      deleteLease: (leaseId, fence, client) => leases.delete(leaseId, fence, client),
      health: () => health(Object.values(problems())),
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
    server.open();
    return port;
  }

  /** Classes and leases stay: they go on after the next start, or end with their time. */
  async stop(): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop();
    this.#stops = [];
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

function ownTraffic({ listen, migration }: Config, host: Host): OwnTraffic {
  const own = new Set([host.migrationAddress, listen.address]);
  return {
    migrationAddresses: [host.migrationAddress],
    peers: migration.peers,
    ownAddresses: [...own].filter((each) => each !== '0.0.0.0' && each !== '::'),
    controlPorts: [...CONTROL_PORTS, listen.port],
  };
}

function linkLimits(direction: 'tx' | 'rx', config: Config, host: Host): LinkLimits {
  const { shapeFraction, controlMegabitsPerSecond } = config;
  const { ownAddresses, peers, controlPorts } = ownTraffic(config, host);
  return {
    direction,
    totalBitsPerSecond: host.linkBitsPerSecond * shapeFraction,
    controlBitsPerSecond: controlMegabitsPerSecond * 1e6,
    ownAddresses: [...ownAddresses],
    migrationAddress: host.migrationAddress,
    peers,
    controlPorts: [...controlPorts],
  };
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
