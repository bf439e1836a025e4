import { shownName } from './netlink.ts';
import type { Topology } from './uplinks.ts';

export type MethodName = 'nftables' | 'iptables' | 'tap';

export interface Choice {
  method: MethodName;
  reason: string;
}

/** Why the method cannot be used on this host; null: it can. */
export interface Obstacles {
  nftables: string | null;
  iptables: string | null;
}

/**
 * How VM traffic is to be counted. Pairs of bridge ports tell what crosses the NIC from what stays here, so they are
 * taken wherever the taps are ports of Linux bridges that lead to the NIC.
 *
 * | the taps' switch       | nft  | iptables | method   |
 * |------------------------|------|----------|----------|
 * | Linux bridges          | yes  | any      | nftables |
 * | Linux bridges          | no   | yes      | iptables |
 * | Linux bridges          | no   | no       | tap      |
 * | OVS, macvtap, a route  | any  | any      | tap      |
 */
export function chooseMethod(wanted: MethodName | 'auto', topology: Topology, obstacles: Obstacles): Choice {
  if (wanted !== 'auto') return { method: wanted, reason: 'set in the configuration' };
  const offBridge = whyNotPairs(topology);
  if (offBridge !== null) return { method: 'tap', reason: offBridge };
  const switches = topology.taps.length === 0 ? 'no VM runs here yet' : 'all taps are ports of Linux bridges';
  if (obstacles.nftables === null) return { method: 'nftables', reason: `${switches} and nftables works` };
  if (obstacles.iptables === null) {
    return { method: 'iptables', reason: `${switches}; nftables does not work: ${obstacles.nftables}` };
  }
  return {
    method: 'tap',
    reason: `neither nftables nor iptables works: ${obstacles.nftables}; ${obstacles.iptables}`,
  };
}

/** Why pairs of bridge ports would not tell what crosses the NIC; null: they do. */
export function whyNotPairs({ taps, uplinks, openvswitch }: Topology): string | null {
  const ways = new Set(uplinks.map(({ master }) => master));
  for (const { name, kind, master, masterKind } of taps) {
    const tap = JSON.stringify(shownName(name));
    if (masterKind !== 'bridge') {
      return `${tap} is no port of a Linux bridge (${masterKind === '' ? `kind ${kind || 'unknown'}, no master` : masterKind})`;
    }
    // Neutron's hybrid plug: tap, bridge, veth pair, Open vSwitch. The bridge sees all as one, also what stays here.
    if (openvswitch && !ways.has(master)) return `the bridge of ${tap} leads to Open vSwitch`;
  }
  return null;
}
