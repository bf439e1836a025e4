import { readFileSync } from 'node:fs';
import type { TapMeters } from '../rates.ts';
import type { CountMethod, CountReading } from './method.ts';
import type { Topology } from './uplinks.ts';

/**
 * The taps' own counters, for switches that are no Linux bridges. What VMs of this host say to each other is in them.
 * The host's own packets are counted by another method, where there is one.
 */
export class TapCounters implements CountMethod {
  readonly name = 'tap';
  readonly #own: CountMethod | null;
  #topology: Topology | null = null;
  #resolved: Topology | null = null;
  #swapped = new Set<string>();

  constructor(own: CountMethod | null) {
    this.#own = own;
  }

  get problem(): string | null {
    if (this.#own !== null) return this.#own.problem;
    return 'Neither nftables nor iptables works: migration and control traffic count as workload. Install nftables.';
  }

  includesLocalTraffic(): boolean {
    return true;
  }

  async follow(topology: Topology): Promise<void> {
    this.#topology = topology;
    await this.#own?.follow(topology);
  }

  async read(meters: TapMeters): Promise<CountReading> {
    const own = await this.#own?.read(meters);
    if (this.#topology !== null && this.#resolved !== this.#topology) {
      this.#resolved = this.#topology;
      // macvtap is seen from the VM's side (drivers/net/macvlan.c), tun from the host's.
      this.#swapped = new Set(this.#topology.taps.filter(({ kind }) => kind === 'macvtap').map(({ name }) => name));
      meters.resolveWith(resolveDevice);
    }
    const epoch = `tap ${own?.epoch ?? ''}`;
    meters.begin(epoch);
    const taps = new Set(this.#topology?.taps.map(({ name }) => name));
    for (const { name, rxPackets, rxBytes, txPackets, txBytes } of parseNetDev(
      readFileSync('/proc/self/net/dev', 'latin1'),
    )) {
      if (!taps.has(name)) continue;
      const [fromVm, toVm] = this.#swapped.has(name) ? ['rx', 'tx'] : ['tx', 'rx'];
      meters.count(`${fromVm}/${name}`, rxPackets, rxBytes, 'unknown');
      meters.count(`${toVm}/${name}`, txPackets, txBytes, 'unknown');
    }
    return { epoch, own: own?.own ?? null };
  }

  async remove(): Promise<void> {
    await this.#own?.remove();
  }

  close(): void {
    this.#own?.close();
  }
}

function resolveDevice(key: string) {
  const [direction, tap = ''] = key.split('/');
  return { tap, direction: direction === 'tx' ? ('tx' as const) : ('rx' as const), perPacket: 0 };
}

export interface DeviceRow {
  name: string;
  rxBytes: number;
  rxPackets: number;
  txBytes: number;
  txPackets: number;
}

/** /proc/net/dev. A name holds neither a colon nor white space (dev_valid_name in net/core/dev.c). */
export function parseNetDev(text: string): DeviceRow[] {
  return text
    .split('\n')
    .slice(2)
    .flatMap((line) => {
      const [name, figures] = line.split(':');
      if (name === undefined || figures === undefined) return [];
      const [rxBytes = 0, rxPackets = 0, , , , , , , txBytes = 0, txPackets = 0] = figures
        .trim()
        .split(/\s+/)
        .map(Number);
      return [{ name: name.trim(), rxBytes, rxPackets, txBytes, txPackets }];
    });
}
