import {
  attribute,
  findAttribute,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  netlinkMessage,
  readName,
  text,
  valueEnd,
} from './netlink.ts';

/** linux/rtnetlink.h, if_link.h. */
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const IFINFOMSG_BYTES = 16;
const IFLA_IFNAME = 3;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_STATS64 = 23;
const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
const RTEXT_FILTER_SKIP_STATS = 8;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_VLAN_ID = 1;
const ARPHRD_ETHER = 1;
/** Attributes of a tunnel's own data that only an IPv6 underlay has (IFLA_VXLAN_GROUP6, _LOCAL6, IFLA_GENEVE_REMOTE6). */
const IPV6_ATTRIBUTES: Record<string, readonly number[]> = { vxlan: [16, 17], geneve: [7] };
/** What a tunnel says itself of the interface under it (IFLA_VXLAN_LINK, IFLA_GRE_LINK): it has no IFLA_LINK. */
const UNDERLAY_ATTRIBUTES: Record<string, number> = { vxlan: 3, gretap: 1, ip6gretap: 1 };
/** struct rtnl_link_stats64 begins with rx_packets, tx_packets, rx_bytes, tx_bytes. */
const STATS_BYTES_USED = 32;

/** One network interface of the host. */
export interface Link {
  index: number;
  /** One character a byte. */
  name: string;
  /** `bridge`, `vlan`, `vxlan`, `tun`, …; empty for a physical NIC. */
  kind: string;
  /** The bridge, bond or switch that it is a port of; 0: none. */
  master: number;
  /** The interface that it is stacked on, if that is in this network namespace; 0: none. */
  link: number;
  /** A tunnel whose outer packets are IPv6. */
  ipv6: boolean;
  /** Of a VLAN device: the id of the tag that it writes; else 0. */
  vlan: number;
  /** Has it Ethernet frames? */
  ethernet: boolean;
}

/** Asks for all interfaces, without their counters. */
export function dumpLinks(sequence: number): Buffer {
  const mask = Buffer.alloc(4);
  mask.writeUInt32LE(RTEXT_FILTER_SKIP_STATS);
  const body = [Buffer.alloc(IFINFOMSG_BYTES), attribute(IFLA_EXT_MASK, mask)];
  return netlinkMessage(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, sequence, ...body);
}

/** Asks for one interface with its counters. The kernel answers with one message, or ENODEV. */
export function getLink(sequence: number, name: string): Buffer {
  const body = [Buffer.alloc(IFINFOMSG_BYTES), attribute(IFLA_IFNAME, text(name))];
  return netlinkMessage(RTM_GETLINK, NLM_F_REQUEST, sequence, ...body);
}

export function parseLink(part: Buffer, type: number, from: number, to: number): Link | null {
  if (type !== RTM_NEWLINK) return null;
  const attributes = from + IFINFOMSG_BYTES;
  const name = findAttribute(part, IFLA_IFNAME, attributes, to);
  if (name === -1) return null;
  const info = findAttribute(part, IFLA_LINKINFO, attributes, to);
  const kindAt = info === -1 ? -1 : findAttribute(part, IFLA_INFO_KIND, info, valueEnd(part, info));
  const kind = kindAt === -1 ? '' : readName(part, kindAt, valueEnd(part, kindAt));
  const data = info === -1 ? -1 : findAttribute(part, IFLA_INFO_DATA, info, valueEnd(part, info));
  const inData = (each: number) => (data === -1 ? -1 : findAttribute(part, each, data, valueEnd(part, data)));
  const number = (at: number) => (at === -1 ? 0 : part.readUInt32LE(at));
  const link = findAttribute(part, IFLA_LINK, attributes, to);
  const elsewhere = findAttribute(part, IFLA_LINK_NETNSID, attributes, to) !== -1;
  const underlay = UNDERLAY_ATTRIBUTES[kind];
  return {
    index: part.readInt32LE(from + 4),
    name: readName(part, name, valueEnd(part, name)),
    kind,
    master: number(findAttribute(part, IFLA_MASTER, attributes, to)),
    // The number of an interface in another namespace means nothing here.
    link: (underlay === undefined ? 0 : number(inData(underlay))) || (elsewhere ? 0 : number(link)),
    ipv6: (IPV6_ATTRIBUTES[kind] ?? []).some((each) => inData(each) !== -1),
    vlan: kind === 'vlan' && inData(IFLA_VLAN_ID) !== -1 ? part.readUInt16LE(inData(IFLA_VLAN_ID)) : 0,
    ethernet: part.readUInt16LE(from + 2) === ARPHRD_ETHER,
  };
}

export interface DeviceCounters {
  /** Another number is another interface, though it bears the same name. */
  index: number;
  txBytes: number;
  rxBytes: number;
  txPackets: number;
  rxPackets: number;
}

export function parseDeviceCounters(part: Buffer, type: number, from: number, to: number): DeviceCounters | null {
  if (type !== RTM_NEWLINK) return null;
  const stats = findAttribute(part, IFLA_STATS64, from + IFINFOMSG_BYTES, to);
  if (stats === -1 || valueEnd(part, stats) - stats < STATS_BYTES_USED) return null;
  const figure = (at: number) => part.readUInt32LE(stats + at) + part.readUInt32LE(stats + at + 4) * 0x1_0000_0000;
  return {
    index: part.readInt32LE(from + 4),
    rxPackets: figure(0),
    txPackets: figure(8),
    rxBytes: figure(16),
    txBytes: figure(24),
  };
}
