import { isIP } from 'node:net';
import {
  migrationAddress,
  type PostCopy,
  probePostCopy,
  readNovaConf,
  readVersions,
  type Versions,
} from './capability.ts';
import { type Config, whyNoPeers } from './config.ts';
import type { HostInfo } from './contract.ts';
import { HostdError } from './errors.ts';
import type { Link } from './measure/count/linkcodec.ts';
import { Links } from './measure/count/links.ts';
import { portName } from './measure/count/netlink.ts';
import { readLinkSpeed } from './measure/counters.ts';
import { clockState } from './native.ts';
import { NOVA_DEFAULTS, type NovaOptions } from './novaconf.ts';
import { whyNotShapeable } from './shape/wire.ts';

const PROBE_MS = 30_000;

/** What is known of this compute host beside its traffic: its link, Nova's settings, libvirt's versions, its clock. */
export class Host {
  readonly #config: Config;
  #nova: NovaOptions | null = null;
  #postCopy: PostCopy = { permitted: false, reason: 'not probed yet' };
  #versions: Versions = { libvirt: 'unknown', qemu: 'unknown' };
  #linkBitsPerSecond = 0;
  #migrationAddress = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(config: Config) {
    this.#config = config;
  }

  /** @throws HostdError `config-invalid` where the link's speed or the migration address is not to be found. */
  async start(): Promise<void> {
    await this.#probe();
    const { migration, nic, novaConf } = this.#config;
    const address = migrationAddress(migration.address, this.#nova);
    if (address === null) {
      throw new HostdError('config-invalid', `migration.address is not set and ${novaConf} names none. Set it.`);
    }
    if (isIP(address) === 0) {
      throw new HostdError(
        'config-invalid',
        `${novaConf} names "${address}" as migration address, which is no IP address. Set migration.address.`,
      );
    }
    const problem = whyNoPeers(address, migration.peers) ?? whyNotShapeable(portName(nic), listLinks());
    if (problem !== null) throw new HostdError('config-invalid', problem);
    this.#migrationAddress = address;
    this.#linkBitsPerSecond = await findLink(this.#config);
    this.#timer = setInterval(() => void this.#probe(), PROBE_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get migrationAddress(): string {
    return this.#migrationAddress;
  }

  get linkBitsPerSecond(): number {
    return this.#linkBitsPerSecond;
  }

  /** What migration and workload share of one direction. */
  get shapeableBitsPerSecond(): number {
    const { shapeFraction, controlMegabitsPerSecond } = this.#config;
    return this.#linkBitsPerSecond * shapeFraction - controlMegabitsPerSecond * 1e6;
  }

  /** Why Nova's settings are not known, null if they are. */
  get problem(): string | null {
    return this.#nova === null ? `${this.#config.novaConf} cannot be read: post-copy counts as not permitted.` : null;
  }

  info(counting: HostInfo['counting']): HostInfo {
    const { host, nic } = this.#config;
    const nova = this.#nova ?? NOVA_DEFAULTS;
    return {
      host,
      nic,
      linkBitsPerSecond: this.#linkBitsPerSecond,
      shapeableBitsPerSecond: this.shapeableBitsPerSecond,
      migrationAddress: this.#migrationAddress,
      counting,
      clock: clockState(),
      postCopy: this.#postCopy,
      maxConcurrentLiveMigrations: nova.maxConcurrentLiveMigrations,
      novaTimeout: { secondsPerGibibyte: nova.completionTimeoutS, action: nova.timeoutAction },
      libvirtVersion: this.#versions.libvirt,
      qemuVersion: this.#versions.qemu,
    };
  }

  async #probe(): Promise<void> {
    const { novaConf, libvirtUri } = this.#config;
    this.#nova = await readNovaConf(novaConf);
    this.#postCopy = await probePostCopy(novaConf, this.#nova);
    this.#versions = await readVersions(libvirtUri);
  }
}

function listLinks(): Link[] {
  const links = new Links();
  try {
    return links.list();
  } finally {
    links.close();
  }
}

/** Bit/s of one direction of the NIC. @throws HostdError `config-invalid` where nobody tells it, or it is all control's. */
async function findLink({
  nic,
  linkMegabitsPerSecond,
  shapeFraction,
  controlMegabitsPerSecond,
}: Config): Promise<number> {
  const megabits = linkMegabitsPerSecond ?? (await readLinkSpeed(nic));
  if (megabits === null) {
    throw new HostdError('config-invalid', `${nic} does not tell its speed. Set linkMegabitsPerSecond to it.`);
  }
  if (megabits * shapeFraction <= controlMegabitsPerSecond) {
    throw new HostdError(
      'config-invalid',
      `controlMegabitsPerSecond leaves nothing of the ${megabits} Mbit/s of ${nic}.`,
    );
  }
  return megabits * 1e6;
}
