import type { Link } from './linkcodec.ts';

/** A bridge port through which traffic reaches the NIC: the NIC itself, a VLAN on it, a tunnel over it. */
export interface Uplink {
  name: string;
  /** What the NIC counts of a packet beyond the port's own bytes and Ethernet header. */
  overheadBytes: number;
  /** The bridge that it is a port of; 0: none. */
  master: number;
}

export interface Tap {
  name: string;
  /** `tun` for QEMU's usual taps, `macvtap`, … */
  kind: string;
  /** The bridge or switch that it is a port of; 0: none. */
  master: number;
  masterKind: string;
}

/** Where the counters of a host are to look. Names are one character a byte. */
export interface Topology {
  nic: string;
  uplinks: Uplink[];
  /** The bridge that the NIC is a port of: only the bridge family sees which of the host's own packets pass the NIC. */
  nicBridge: string | null;
  /** Interfaces on which the host's own packets pass the NIC; null: any but lo (the NIC is a port of some other switch). */
  ownDevices: string[] | null;
  /** The taps of running VMs that exist. */
  taps: Tap[];
  /** Is there an Open vSwitch on this host? */
  openvswitch: boolean;
}

const VLAN_BYTES = 4;
/** Outer Ethernet, IPv4 and UDP headers and the tunnel's own 8 bytes (RFC 7348 section 5, RFC 8926 section 3.4). */
const UDP_TUNNEL_BYTES = { ipv4: 14 + 20 + 8 + 8, ipv6: 14 + 40 + 8 + 8 };
/** Without key, checksum and sequence number (RFC 2784, RFC 1701). ip6gretap adds an encapsulation limit (RFC 2473). */
const TUNNEL_BYTES: Record<string, (ipv6: boolean) => number> = {
  vxlan: (ipv6) => (ipv6 ? UDP_TUNNEL_BYTES.ipv6 : UDP_TUNNEL_BYTES.ipv4),
  geneve: (ipv6) => (ipv6 ? UDP_TUNNEL_BYTES.ipv6 : UDP_TUNNEL_BYTES.ipv4),
  gretap: () => 14 + 20 + 4,
  ip6gretap: () => 14 + 40 + 8 + 4,
};
const STACKED_BYTES: Record<string, number> = { vlan: VLAN_BYTES, macvlan: 0, ipvlan: 0 };
/** Interfaces can be stacked 8 deep (MAX_NEST_DEV in linux/netdevice.h). */
const MAX_DEPTH = 8;

/** Finds what leads to the NIC. A tunnel that names no underlying interface is taken to use the NIC. */
export function findTopology(links: readonly Link[], nic: string, taps: Iterable<string>): Topology {
  const byIndex = new Map(links.map((link) => [link.index, link]));
  const byName = new Map(links.map((link) => [link.name, link]));
  const device = byName.get(nic);
  const wanted = new Set(taps);
  const overhead = (link: Link | undefined) => overheadToNic(link, device, links, byIndex, MAX_DEPTH);
  const masterKind = (link: Link) => byIndex.get(link.master)?.kind ?? '';
  const uplinks = links.flatMap((link) => {
    if (link !== device && (link.master === 0 || link.kind === 'bridge' || wanted.has(link.name))) return [];
    const overheadBytes = overhead(link);
    return overheadBytes === null ? [] : [{ name: link.name, overheadBytes, master: link.master }];
  });
  const nicMaster = device === undefined ? '' : masterKind(device);
  return {
    nic,
    uplinks,
    nicBridge: nicMaster === 'bridge' ? (byIndex.get(device?.master ?? 0)?.name ?? null) : null,
    ownDevices:
      nicMaster === '' || nicMaster === 'bridge'
        ? links
            .filter((link) => link.kind !== 'bridge' && !(link.kind in TUNNEL_BYTES) && overhead(link) !== null)
            .map(({ name }) => name)
        : null,
    taps: links
      .filter(({ name }) => wanted.has(name))
      .map((link) => ({ name: link.name, kind: link.kind, master: link.master, masterKind: masterKind(link) })),
    openvswitch: links.some(({ kind }) => kind === 'openvswitch'),
  };
}

/** Bytes that the way from this interface to the NIC adds to a packet; null: it does not lead there. */
function overheadToNic(
  link: Link | undefined,
  nic: Link | undefined,
  links: readonly Link[],
  byIndex: ReadonlyMap<number, Link>,
  depth: number,
): number | null {
  if (link === undefined || nic === undefined || depth === 0) return null;
  if (link.index === nic.index) return 0;
  const deeper = (next: Link | undefined) => overheadToNic(next, nic, links, byIndex, depth - 1);
  const tunnel = TUNNEL_BYTES[link.kind]?.(link.ipv6);
  if (tunnel !== undefined && link.link === 0) return tunnel;
  const own = tunnel ?? STACKED_BYTES[link.kind];
  if (own !== undefined) {
    const below = deeper(byIndex.get(link.link));
    return below === null ? null : own + below;
  }
  if (link.kind !== 'bridge') return null;
  for (const port of links) {
    // A tunnel in a bridge is a way of the tenants, not one of what is stacked on the bridge.
    if (port.master !== link.index || port.kind in TUNNEL_BYTES) continue;
    const below = deeper(port);
    if (below !== null) return below;
  }
  return null;
}
