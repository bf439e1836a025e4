import type { LinkReservation } from '../contract.ts';
import { MIGRATION_PORTS } from '../measure/netfilter.ts';

/** One HTB class as the kernel shows it; ids are `handle:minor` in hexadecimal. */
export interface TreeClass {
  parent: string;
  /** Null for the inner class: the kernel does not print it there. */
  prio: number | null;
  rate: number;
  ceil: number;
}

export interface TreeFilter {
  protocol: 'ip' | 'ipv6' | 'arp';
  pref: number;
  flowid: string;
  /** `value/mask at offset` as tc prints them. */
  matches: readonly string[];
}

/** The whole tree under one root qdisc; what is wanted and what the kernel has are told in the same words. */
export interface Tree {
  /** Minor number of the class for everything that no filter takes, e.g. `0x30`. */
  defaultMinor: string;
  classes: ReadonlyMap<string, TreeClass>;
  /** Bytes that may wait, by class. */
  leafLimits: ReadonlyMap<string, number>;
  filters: readonly TreeFilter[];
}

/**
 * Major number of hostd's root qdisc, chosen so that nobody else has it: people write 1:, the kernel gives out 8001:
 * and up. By it hostd knows its own tree again after a crash.
 */
export const ROOT = 'd707:';
const TOTAL = `${ROOT}1`;
export const CONTROL = `${ROOT}10`;
export const MIGRATION = `${ROOT}20`;
export const WORKLOAD = `${ROOT}30`;
const LEAVES: Record<string, string> = { [CONTROL]: 'd710:', [MIGRATION]: 'd720:', [WORKLOAD]: 'd730:' };

const QUEUE_MS = 20;
/** Two of the largest offloaded packets: less and they would be dropped whole. */
const SHORTEST_QUEUE_BYTES = 2 * 65_536;
/** Never more than a packet of this size at once in one round between classes of equal prio. */
const LARGEST_QUANTUM_BYTES = 60_000;
const MTU_FRAME_BYTES = 1514;

export interface LinkLimits {
  /** What all classes together may send: the link less the shaping margin. */
  totalBitsPerSecond: number;
  controlBitsPerSecond: number;
  direction: 'tx' | 'rx';
  /** Addresses of the host itself: control traffic is the host's own, a tenant's ssh is workload. */
  ownAddresses: readonly string[];
  migrationAddress: string;
  /** CIDR blocks of the other hosts' migration addresses. */
  peers: readonly string[];
  /** TCP ports of control traffic at either end. */
  controlPorts: readonly number[];
}

/** The tree that keeps `reservation` on one direction of the NIC. */
export function desiredTree(reservation: LinkReservation, limits: LinkLimits): Tree {
  const total = shownRate(limits.totalBitsPerSecond);
  const leaf = (rate: number, ceil: number, prio: number): TreeClass => ({
    parent: TOTAL,
    prio,
    rate: shownRate(Math.min(rate, total)),
    ceil: shownRate(Math.min(ceil, total)),
  });
  const { migration, workload } = reservation;
  const classes = new Map<string, TreeClass>([
    [TOTAL, { parent: 'root', prio: null, rate: total, ceil: total }],
    [CONTROL, leaf(limits.controlBitsPerSecond, total, 0)],
    [MIGRATION, leaf(migration.rateBitsPerSecond, migration.ceilBitsPerSecond, migration.prio)],
    [WORKLOAD, leaf(workload.rateBitsPerSecond, workload.ceilBitsPerSecond, workload.prio)],
  ]);
  return {
    defaultMinor: '0x30',
    classes,
    leafLimits: new Map([CONTROL, MIGRATION, WORKLOAD].map((id) => [id, queueBytes(classes.get(id)?.ceil ?? total)])),
    filters: classify(limits),
  };
}

/**
 * The nearest rate not above `bitsPerSecond` that tc prints without rounding it (iproute2, print_rate: whole kbit below
 * 1 Gbit/s, whole Mbit above), so that what is read back can be compared exactly.
 */
export function shownRate(bitsPerSecond: number): number {
  const unit = bitsPerSecond >= 1e9 ? 1e6 : 1e3;
  return Math.max(8_000, Math.floor(bitsPerSecond / unit) * unit);
}

/** Whole KiB: tc prints these exactly (iproute2, print_size), so that what is read back can be compared. */
function queueBytes(ceil: number): number {
  return Math.max(SHORTEST_QUEUE_BYTES, Math.round(((ceil / 8_000) * QUEUE_MS) / 1024) * 1024);
}

function classify(limits: LinkLimits): TreeFilter[] {
  const filters: TreeFilter[] = [{ protocol: 'arp', pref: 1, flowid: CONTROL, matches: ['00000000/00000000 at 0'] }];
  const tx = limits.direction === 'tx';
  for (const peer of limits.peers) {
    const ipv6 = isIpv6(peer);
    if (ipv6 !== isIpv6(limits.migrationAddress)) continue;
    const own = cidrMatches(limits.migrationAddress, tx ? 'source' : 'destination');
    const other = cidrMatches(peer, tx ? 'destination' : 'source');
    const { first, mask } = MIGRATION_PORTS;
    for (const port of [`${hex(first)}/${hex(mask)}`, `${hex(first * 0x10000)}/${hex(mask * 0x10000)}`]) {
      filters.push(tcpFilter(ipv6, MIGRATION, [...own, ...other], port));
    }
  }
  for (const address of limits.ownAddresses) {
    const ipv6 = isIpv6(address);
    const own = cidrMatches(address, tx ? 'source' : 'destination');
    for (const port of limits.controlPorts) {
      filters.push(tcpFilter(ipv6, CONTROL, own, `${hex(port)}/0000ffff`));
      filters.push(tcpFilter(ipv6, CONTROL, own, `${hex(port * 0x10000)}/ffff0000`));
    }
    // ICMP and ICMPv6 (neighbour discovery is to IPv6 what ARP is to IPv4).
    filters.push({
      protocol: ipv6 ? 'ipv6' : 'ip',
      pref: ipv6 ? 3 : 2,
      flowid: CONTROL,
      matches: [ipv6 ? '00003a00/0000ff00 at 4' : '00010000/00ff0000 at 8', ...own],
    });
  }
  return filters;
}

/** Offsets from the IP header's start; a header without options is taken for granted, as hosts send them. */
function tcpFilter(ipv6: boolean, flowid: string, addresses: string[], ports: string): TreeFilter {
  const protocol = ipv6 ? '00000600/0000ff00 at 4' : '00060000/00ff0000 at 8';
  return {
    protocol: ipv6 ? 'ipv6' : 'ip',
    pref: ipv6 ? 3 : 2,
    flowid,
    matches: [protocol, ...addresses, `${ports} at ${ipv6 ? 40 : 20}`],
  };
}

/** u32 matches of an address or CIDR block: one word for IPv4, up to four for IPv6. */
export function cidrMatches(cidr: string, side: 'source' | 'destination'): string[] {
  const [address = '', length] = cidr.split('/');
  const words = isIpv6(address) ? ipv6Words(address) : ipv4Words(address);
  const start = words.length === 1 ? (side === 'source' ? 12 : 16) : side === 'source' ? 8 : 24;
  const bits = length === undefined ? words.length * 32 : Number(length);
  return words.flatMap((word, index) => {
    const here = Math.min(32, Math.max(0, bits - index * 32));
    if (here === 0) return [];
    const mask = (2 ** 32 - 2 ** (32 - here)) >>> 0;
    return [`${hex((word & mask) >>> 0)}/${hex(mask)} at ${start + index * 4}`];
  });
}

function ipv4Words(address: string): number[] {
  return [address.split('.').reduce((word, byte) => word * 256 + Number(byte), 0)];
}

function ipv6Words(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const groups = (text: string | undefined) => (text ? text.split(':').map((group) => Number.parseInt(group, 16)) : []);
  const front = groups(head);
  const back = groups(tail);
  const all = [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
  return [0, 2, 4, 6].map((index) => ((all[index] ?? 0) * 0x10000 + (all[index + 1] ?? 0)) >>> 0);
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}

/** Lines of a tc batch that make the tree on `dev`, whose root qdisc may be replaced. */
export function buildOperations(dev: string, tree: Tree): string[] {
  return [
    `qdisc replace dev ${dev} root handle ${ROOT} htb default ${tree.defaultMinor.slice(2)} r2q 1000`,
    ...[...tree.classes].map(([id, each]) => classOperation('add', dev, id, each)),
    ...[...tree.leafLimits].map(([id, bytes]) => leafOperation('add', dev, id, bytes)),
    ...tree.filters.map(
      ({ protocol, pref, flowid, matches }) =>
        `filter add dev ${dev} parent ${ROOT} protocol ${protocol} pref ${pref} u32 ${matches.map(matchArguments).join(' ')} flowid ${flowid}`,
    ),
  ];
}

function matchArguments(match: string): string {
  const [pattern = '', offset = '0'] = match.split(' at ');
  const [value = '', mask = ''] = pattern.split('/');
  return `match u32 0x${value} 0x${mask} at ${offset}`;
}

function classOperation(verb: 'add' | 'change', dev: string, id: string, each: TreeClass): string {
  const parent = each.parent === 'root' ? ROOT : each.parent;
  const burst = burstBytes(each.ceil);
  const quantum = Math.min(LARGEST_QUANTUM_BYTES, Math.max(MTU_FRAME_BYTES, Math.round(each.rate / 8_000)));
  const prio = each.prio === null ? '' : ` prio ${each.prio}`;
  return (
    `class ${verb} dev ${dev} parent ${parent} classid ${id} htb rate ${each.rate} ceil ${each.ceil}` +
    ` burst ${burst} cburst ${burst} quantum ${quantum}${prio}`
  );
}

/** 1 ms at full rate, and never less than one offloaded packet: HTB can send it without waiting for tokens. */
function burstBytes(ceil: number): number {
  return Math.max(65_536, Math.round(ceil / 8_000));
}

function leafOperation(verb: 'add' | 'change', dev: string, id: string, bytes: number): string {
  return `qdisc ${verb} dev ${dev} parent ${id} handle ${LEAVES[id]} bfifo limit ${bytes}`;
}

/**
 * The fewest operations from the kernel's tree to the wanted one. Where only rates differ these are `class change`
 * lines, which drop no packet; another shape is built anew.
 */
export function treeOperations(dev: string, current: Tree | null, desired: Tree): string[] {
  if (current === null) return buildOperations(dev, desired);
  if (!sameShape(current, desired)) return [`qdisc del dev ${dev} root`, ...buildOperations(dev, desired)];
  const changed = [...desired.classes].filter(([id, each]) => !sameClass(each, current.classes.get(id)));
  const limits = [...desired.leafLimits].filter(([id, bytes]) => current.leafLimits.get(id) !== bytes);
  return [
    ...changed.map(([id, each]) => classOperation('change', dev, id, each)),
    ...limits.map(([id, bytes]) => leafOperation('change', dev, id, bytes)),
  ];
}

/** False for a tree that was left half built. */
export function isWhole(tree: Tree): boolean {
  return tree.classes.size === 4 && tree.leafLimits.size === 3 && tree.filters.length > 0;
}

function sameShape(current: Tree, desired: Tree): boolean {
  const shape = (tree: Tree) =>
    JSON.stringify([
      Number(tree.defaultMinor),
      [...tree.classes].map(([id, each]) => `${id} ${each.parent}`).sort(),
      [...tree.leafLimits.keys()].sort(),
      tree.filters
        .map((filter) => JSON.stringify([filter.protocol, filter.pref, filter.flowid, [...filter.matches].sort()]))
        .sort(),
    ]);
  return shape(current) === shape(desired);
}

function sameClass(one: TreeClass, other: TreeClass | undefined): boolean {
  return other !== undefined && one.rate === other.rate && one.ceil === other.ceil && one.prio === other.prio;
}

/** Addresses are checked where the configuration is read: here a colon tells the family. */
function isIpv6(address: string): boolean {
  return address.includes(':');
}
