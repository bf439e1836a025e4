import { readFileSync } from 'node:fs';
import { type RunCommand, runCommand } from '../../command.ts';
import { describeError, HostdError } from '../../errors.ts';
import type { OwnTraffic } from '../netfilter.ts';
import { OWN_COUNTERS } from '../netfilter.ts';
import { ETHERNET_HEADER_BYTES, type TapMeters } from '../rates.ts';
import {
  countingChain,
  type IpVersion,
  isComplete,
  isNameable,
  pairRules,
  parseSave,
  removeInput,
  restoreInput,
  type Standing,
} from './iptrules.ts';
import type { CountMethod, CountReading, OwnBytes } from './method.ts';
import { shownName } from './netlink.ts';
import { parseNetDev } from './tap.ts';
import type { Topology } from './uplinks.ts';

const VERSIONS: readonly IpVersion[] = [4, 6];
const PROGRAMS = { 4: 'iptables', 6: 'ip6tables' } as const;
const SYSCTLS = { 4: 'bridge-nf-call-iptables', 6: 'bridge-nf-call-ip6tables' } as const;

/**
 * VM traffic by iptables' physdev rules: for hosts without nftables. It sees IPv4 and IPv6 only (no ARP), needs
 * br_netfilter, and every packet passes the rules one by one. A tap that iptables cannot name is read from its own
 * counters instead, with what its VM says to others on this host.
 */
export class IptablesCounters implements CountMethod {
  readonly name = 'iptables';
  problem: string | null = null;
  readonly #own: OwnTraffic;
  readonly #countPairs: boolean;
  readonly #run: RunCommand;
  #topology: Topology | null = null;
  #resolved: Topology | null = null;
  #unnameable = new Set<string>();
  /** What was last written, by version. */
  #written = new Map<IpVersion, string>();
  #epoch = 0;

  constructor(own: OwnTraffic, countPairs: boolean, run: RunCommand = runCommand) {
    this.#own = own;
    this.#countPairs = countPairs;
    this.#run = run;
  }

  includesLocalTraffic(tap: string): boolean {
    return this.#unnameable.has(tap);
  }

  /** @throws HostdError if this host's iptables cannot read the table; nothing is changed. */
  async check(): Promise<void> {
    for (const version of VERSIONS) await this.#save(version);
  }

  async follow(topology: Topology): Promise<void> {
    this.#topology = topology;
    this.#unnameable = new Set(topology.taps.map(({ name }) => name).filter((name) => !isNameable(name)));
    await Promise.all(VERSIONS.map((version) => this.#install(version, topology)));
    this.problem = this.#countPairs ? this.#whyIncomplete(topology) : null;
  }

  async #install(version: IpVersion, topology: Topology): Promise<void> {
    const standing = await this.#save(version);
    // What is wanted of a bare table says all; what stands only decides how to get there.
    const wanted = restoreInput(version, NOTHING, topology, this.#own, this.#countPairs);
    const pairs = this.#countPairs ? pairRules(topology).length : 0;
    const stands = isComplete(standing, this.#countPairs) && standing.pairs.length === pairs;
    if (stands && this.#written.get(version) === wanted) return;
    await this.#restore(version, restoreInput(version, standing, topology, this.#own, this.#countPairs));
    this.#written.set(version, wanted);
  }

  #whyIncomplete({ taps }: Topology): string | null {
    const off = VERSIONS.filter((version) => readSwitch(SYSCTLS[version]) !== '1').map((version) => SYSCTLS[version]);
    if (off.length > 0) {
      const settings = off.map((name) => `net.bridge.${name}=1`).join(' ');
      return `iptables does not see bridged packets: VM traffic is not counted. Load br_netfilter and run "sysctl -w ${settings}", or install nftables.`;
    }
    const odd = taps.map(({ name }) => name).filter((name) => this.#unnameable.has(name));
    if (odd.length === 0) return null;
    return `iptables cannot name ${odd.map((name) => JSON.stringify(shownName(name))).join(', ')}: local traffic is in the figures of these VMs. Rename the interface, or install nftables.`;
  }

  async read(meters: TapMeters): Promise<CountReading> {
    if (this.#topology === null) throw new HostdError('internal', 'Counters are read before their rules are made');
    let tables = await Promise.all(VERSIONS.map((version) => this.#save(version)));
    if (!tables.every((standing) => isComplete(standing, this.#countPairs))) {
      // Somebody took the rules away (`iptables -t mangle -F`): they begin at nothing.
      this.#epoch += 1;
      await this.follow(this.#topology);
      tables = await Promise.all(VERSIONS.map((version) => this.#save(version)));
    }
    const epoch = `iptables${this.#epoch}`;
    if (this.#countPairs) this.#meter(meters, epoch, this.#topology, tables);
    return { epoch, own: ownBytes(tables) };
  }

  #meter(meters: TapMeters, epoch: string, topology: Topology, tables: readonly Standing[]): void {
    if (this.#resolved !== topology) meters.resolveWith(resolveRules(topology));
    this.#resolved = topology;
    meters.begin(epoch);
    for (const [index, standing] of tables.entries()) {
      for (const { from, to, packets, bytes } of standing.pairs) {
        meters.count(`${VERSIONS[index]}/${from}/${to}`, packets, bytes, 'zero');
      }
    }
    if (this.#unnameable.size === 0) return;
    for (const device of parseNetDev(readFileSync('/proc/self/net/dev', 'latin1'))) {
      if (!this.#unnameable.has(device.name)) continue;
      meters.count(`device/tx/${device.name}`, device.rxPackets, device.rxBytes, 'unknown');
      meters.count(`device/rx/${device.name}`, device.txPackets, device.txBytes, 'unknown');
    }
  }

  async #save(version: IpVersion): Promise<Standing> {
    const text = await this.#run(`${PROGRAMS[version]}-save`, ['-c', '-t', 'mangle']);
    return parseSave(text);
  }

  async #restore(version: IpVersion, input: string): Promise<void> {
    await this.#run(`${PROGRAMS[version]}-restore`, ['--noflush'], { input });
  }

  async remove(): Promise<void> {
    for (const version of VERSIONS) {
      const standing = await this.#save(version);
      if (standing.chains.size > 0) await this.#restore(version, removeInput(standing));
    }
    this.#written.clear();
  }

  close(): void {
    this.#topology = null;
  }
}

const NOTHING: Standing = { chains: new Set(), hooked: new Set(), pairs: [], own: new Map() };

/** Of this network namespace; null: br_netfilter is not there. */
function readSwitch(name: string): string | null {
  try {
    return readFileSync(`/proc/sys/net/bridge/${name}`, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new HostdError('system-call-failed', `Cannot read net.bridge.${name}: ${describeError(error)}`);
  }
}

function ownBytes(tables: readonly Standing[]): OwnBytes {
  const bytes = OWN_COUNTERS.map((counter) => {
    const counts = tables.map((standing) => standing.own.get(countingChain(counter)));
    return [
      counter,
      counts.reduce((sum, each) => sum + (each?.bytes ?? 0) + (each?.packets ?? 0) * ETHERNET_HEADER_BYTES, 0),
    ];
  });
  return Object.fromEntries(bytes) as OwnBytes;
}

function resolveRules({ uplinks }: Topology) {
  const perPacket = new Map(uplinks.map((uplink) => [uplink.name, ETHERNET_HEADER_BYTES + uplink.overheadBytes]));
  return (key: string) => {
    const [kind, from = '', to = ''] = key.split('/');
    if (kind === 'device')
      return { tap: to, direction: from === 'tx' ? ('tx' as const) : ('rx' as const), perPacket: 0 };
    const received = perPacket.get(from);
    if (received !== undefined) return { tap: to, direction: 'rx' as const, perPacket: received };
    const sent = perPacket.get(to);
    return sent === undefined ? null : { tap: from, direction: 'tx' as const, perPacket: sent };
  };
}
