import type { Logger } from 'pino';
import {
  migrationAddress,
  type PostCopy,
  probePostCopy,
  readBootId,
  readNovaConf,
  readVersions,
  type Versions,
} from './capability.ts';
import type { Config } from './config.ts';
import type { Health, HostInfo } from './contract.ts';
import { HostdError } from './errors.ts';
import { Virsh } from './libvirt/virsh.ts';
import { readLinkSpeed } from './measure/counters.ts';
import { Domains } from './measure/domains.ts';
import { Sampler } from './measure/sampler.ts';
import { MigrationWatch } from './measure/watch.ts';
import { clockState } from './native.ts';
import { NOVA_DEFAULTS, type NovaOptions } from './novaconf.ts';
import { ApiServer } from './server.ts';
import { Shaper } from './shape/apply.ts';
import { DowntimeKeeper } from './shape/downtime.ts';
import type { LinkLimits } from './shape/htb.ts';
import { Leases } from './shape/leases.ts';

/** ssh, libvirt over TCP and TLS, RabbitMQ; hostd's own port is added. */
const CONTROL_PORTS = [22, 16509, 16514, 5672];
const PROBE_MS = 30_000;

/** All of hostd on one host. */
export class Daemon {
  readonly #config: Config;
  readonly #log: Logger;
  #stops: (() => unknown)[] = [];
  #nova: NovaOptions | null = null;
  #postCopy: PostCopy = { permitted: false, reason: 'not probed yet' };
  #versions: Versions = { libvirt: 'unknown', qemu: 'unknown' };
  #linkBitsPerSecond = 0;

  constructor(config: Config, log: Logger) {
    this.#config = config;
    this.#log = log;
  }

  /** Resolves with the port once every call is answered. @throws HostdError that says what is missing. */
  async start(): Promise<number> {
    const config = this.#config;
    await this.#probe();
    const address = migrationAddress(config.migration.address, this.#nova);
    if (address === null) {
      throw new HostdError('config-invalid', `migration.address is not set and ${config.novaConf} names none. Set it.`);
    }
    this.#linkBitsPerSecond = await this.#findLink();
    this.#every(PROBE_MS, () => this.#probe());

    const virsh = new Virsh(config.libvirtUri);
    const domains = new Domains(virsh, this.#log);
    const sampler = new Sampler(
      {
        host: config.host,
        nic: config.nic,
        windowMs: config.windowMs,
        match: { address, peers: config.migration.peers },
        domains: () => domains.list(),
      },
      this.#log,
    );
    const leases = await this.#createLeases(address);
    const downtime = new DowntimeKeeper(
      config.libvirtUri,
      (vmUuid) => leases.guestLimits(vmUuid).maxDowntimeMs,
      this.#log,
    );
    const watch = new MigrationWatch(virsh, domains, this.#log, (view) => void downtime.tend(view));
    const server = new ApiServer(
      {
        info: () => this.#info(address),
        sample: () => sampler.sample(),
        migrations: (after, waitMs, signal) => watch.answer(after, waitMs, signal),
        leases: () => leases.answer(),
        putLease: (leaseId, request, client) => leases.put(leaseId, request, client),
        deleteLease: (leaseId, fence, client) => leases.delete(leaseId, fence, client),
        health: () => health([domains.problem, sampler.problem, watch.problem(), leases.problem, this.#novaProblem()]),
      },
      { ...config.listen, tls: config.tls },
      this.#log,
    );
    // What is left of an earlier run is put right before anybody may ask for more.
    await this.#started(leases);
    await this.#started(domains);
    await this.#started(sampler);
    await this.#started(watch);
    return this.#started(server);
  }

  /** Classes and leases stay: they go on after the next start, or end with their time. */
  async stop(): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop();
    this.#stops = [];
  }

  async #started<T>(part: { start(): T | Promise<T>; stop(): unknown }): Promise<T> {
    this.#stops.push(() => part.stop());
    return part.start();
  }

  #every(ms: number, task: () => Promise<void>): void {
    const timer = setInterval(() => void task(), ms);
    this.#stops.push(() => clearInterval(timer));
  }

  async #probe(): Promise<void> {
    const { novaConf, libvirtUri } = this.#config;
    this.#nova = await readNovaConf(novaConf);
    this.#postCopy = await probePostCopy(novaConf, this.#nova);
    this.#versions = await readVersions(libvirtUri);
  }

  async #findLink(): Promise<number> {
    const { nic, linkMegabitsPerSecond } = this.#config;
    const megabits = linkMegabitsPerSecond ?? (await readLinkSpeed(nic));
    if (megabits === null) {
      throw new HostdError('config-invalid', `${nic} does not tell its speed. Set linkMegabitsPerSecond to it.`);
    }
    if (megabits * this.#config.shapeFraction <= this.#config.controlMegabitsPerSecond) {
      throw new HostdError(
        'config-invalid',
        `controlMegabitsPerSecond leaves nothing of the ${megabits} Mbit/s of ${nic}.`,
      );
    }
    return megabits * 1e6;
  }

  async #createLeases(address: string): Promise<Leases> {
    const { nic, stateDir, listen, migration } = this.#config;
    const bootId = await readBootId();
    const limits = (direction: 'tx' | 'rx'): LinkLimits => ({
      direction,
      totalBitsPerSecond: this.#linkBitsPerSecond * this.#config.shapeFraction,
      controlBitsPerSecond: this.#config.controlMegabitsPerSecond * 1e6,
      ownAddresses: [...new Set([address, listen.address])].filter((each) => each !== '0.0.0.0' && each !== '::'),
      migrationAddress: address,
      peers: migration.peers,
      controlPorts: [...CONTROL_PORTS, listen.port],
    });
    const shaper = new Shaper({ nic, stateDir, bootId, limits }, this.#log);
    return new Leases(
      {
        stateDir,
        bootId,
        linkBitsPerSecond: () => this.#linkBitsPerSecond,
        shapeableBitsPerSecond: () => this.#shapeable(),
        apply: (desired) => shaper.apply(desired),
      },
      this.#log,
    );
  }

  #shapeable(): number {
    const { shapeFraction, controlMegabitsPerSecond } = this.#config;
    return this.#linkBitsPerSecond * shapeFraction - controlMegabitsPerSecond * 1e6;
  }

  #info(address: string): HostInfo {
    const { host, nic } = this.#config;
    return {
      host,
      nic,
      linkBitsPerSecond: this.#linkBitsPerSecond,
      shapeableBitsPerSecond: this.#shapeable(),
      migrationAddress: address,
      counting: { method: 'nftables', reason: 'the only one yet' },
      clock: clockState(),
      postCopy: this.#postCopy,
      maxConcurrentLiveMigrations: (this.#nova ?? NOVA_DEFAULTS).maxConcurrentLiveMigrations,
      libvirtVersion: this.#versions.libvirt,
      qemuVersion: this.#versions.qemu,
    };
  }

  #novaProblem(): string | null {
    return this.#nova === null ? `${this.#config.novaConf} cannot be read: post-copy counts as not permitted.` : null;
  }
}

function health(problems: (string | null)[]): Health {
  const present = problems.filter((problem) => problem !== null);
  return { status: present.length === 0 ? 'ok' : 'degraded', problems: present };
}
