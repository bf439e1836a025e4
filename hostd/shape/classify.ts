import { addressWords, type Block, isIpv6, parseBlock } from '../address.ts';
import { MIGRATION_PORTS } from '../measure/netfilter.ts';
import { answerWorkload } from './acks.ts';
import {
  addX,
  answer,
  assemble,
  calculate,
  copyFromX,
  copyToX,
  goto,
  ifAnyBit,
  ifAtLeast,
  ifEqual,
  ipv4HeaderLengthToX,
  type Line,
  label,
  load,
  loadAtX,
  orX,
  recall,
  set,
  setX,
  store,
  unlessAtLeast,
  unlessEqual,
  VLAN_TAG,
  VLAN_TAG_PRESENT,
} from './bpf.ts';
import { ETHERNET_BYTES, ETHERTYPE, IPV6_BYTES, PROTOCOL, TAG_BYTES } from './frame.ts';

/** An address of the host, and the VLAN tags that its packets bear on the NIC. */
export interface HostAddress {
  address: string;
  /** VLAN ids, the outermost first; none where packets go untagged. At most two. */
  vlans: readonly number[];
}

/** What of one direction of the NIC's traffic is not the tenants'. */
export interface Classified {
  direction: 'tx' | 'rx';
  /** Addresses of the host itself: control traffic is the host's own, a tenant's ssh is workload. */
  ownAddresses: readonly HostAddress[];
  migration: HostAddress;
  /** CIDR blocks of the other hosts' migration addresses. */
  peers: readonly string[];
  /** TCP ports of control traffic at either end. */
  controlPorts: readonly number[];
}

const MOST_TAGS = 2;
/** IPv6 extension headers that are passed over: hop-by-hop, routing, fragment, destination options (RFC 8200). */
const EXTENSION = { hopByHop: 0, routing: 43, fragment: 44, destination: 60 } as const;
const MOST_EXTENSIONS = 4;
/** MLD and neighbour discovery (RFC 2710, 4861), MLDv2 (RFC 3810). */
const ICMPV6_UPKEEP = { first: 130, last: 137, mldV2: 143 } as const;
/** Cells of the program's memory. */
const TAGS = 0;
const PORTS = 1;
const IS_MIGRATION = 2;
const NEXT_HEADER = 3;

/**
 * The classic BPF program that tells a frame's class, in the words of tc: its answer is a class id, or 0 for the default
 * class (cls_bpf_classify in net/sched/cls_bpf.c). One program looks at every frame once, so that its cost does not grow
 * with filters, and it follows what a match at fixed offsets cannot: IPv4 options, IPv6 extension headers, fragments and
 * VLAN tags.
 *
 * | frame | class |
 * |---|---|
 * | ARP, ICMPv6 neighbour discovery and MLD, whoever sends them | control |
 * | TCP between migration address and a peer, one port of 49152-49215 | migration |
 * | TCP of an own address with a control port at either end; ICMP of an own address | control |
 * | a fragment that is not the first (it has no ports), all else | workload |
 * | of the workload, what only acknowledges (`acks.ts`) | the workload's own class for that |
 *
 * A tag is inside the frame, or beside it in the socket buffer: the kernel takes the outermost of a frame that enters
 * out of it (skb_vlan_untag in __netif_receive_skb_core), and a VLAN device leaves it to the NIC to write it in
 * (vlan_dev_hard_start_xmit). Filters that match `protocol` see the tag's type in either case (skb_protocol in
 * linux/if_vlan.h), but the header at another place; the program reads both. An own address counts only with the tags it
 * is used with: a tenant's network on another VLAN may have the same addresses.
 *
 * @throws RangeError if there are so many addresses and peers that tc cannot send the program.
 */
export function classifier(traffic: Classified, classes: { control: number; migration: number; acks: number }): string {
  const ways = groupByTags(traffic);
  const tagged = ways.some(({ tags }) => tags > 0);
  return assemble([
    set(0),
    store(TAGS),
    load('word', VLAN_TAG_PRESENT),
    ifEqual(0, 'tags 0'),
    load('word', VLAN_TAG),
    calculate('and', 0xfff),
    store(TAGS),
    ...(tagged ? [] : [unlessEqual(0, 'workload')]),
    ...Array.from({ length: tagged ? MOST_TAGS + 1 : 1 }, (_, tags) => frame(traffic, ways, tags, tagged)).flat(),
    ...controlPorts(traffic.controlPorts),
    label('control'),
    answer(classes.control),
    label('migration'),
    answer(classes.migration),
    label('workload'),
    ...answerWorkload(classes.acks),
  ]);
}

/** The own addresses that are used with the same tags. */
interface Way {
  /** The VLAN ids in one number, as the program collects them. */
  key: number;
  tags: number;
  addresses: { words: readonly number[]; migrates: boolean }[];
}

function groupByTags({ ownAddresses, migration }: Classified): Way[] {
  const ways = new Map<number, Way>();
  const all = [
    migration,
    ...ownAddresses.filter((own) => own.address !== migration.address || keyOf(own) !== keyOf(migration)),
  ];
  for (const own of all) {
    const key = keyOf(own);
    const way = ways.get(key) ?? { key, tags: own.vlans.length, addresses: [] };
    ways.set(key, way);
    way.addresses.push({ words: addressWords(own.address), migrates: own === migration });
  }
  return [...ways.values()];
}

function keyOf({ vlans }: HostAddress): number {
  return vlans.reduce((key, id) => key * 0x1000 + id, 0);
}

/** A frame with so many tags inside it. */
function frame(traffic: Classified, ways: readonly Way[], tags: number, tagged: boolean): Line[] {
  const start = ETHERNET_BYTES + tags * TAG_BYTES;
  // The outermost tag may be beside the frame.
  const possible = ways.filter((way) => way.tags === tags || way.tags === tags + 1);
  const next = tagged && tags < MOST_TAGS ? `tag ${tags + 1}` : 'workload';
  return [
    label(`tags ${tags}`),
    load('half', start - 2),
    ifEqual(ETHERTYPE.arp, 'control'),
    ifEqual(ETHERTYPE.ipv4, `ipv4 ${tags}`),
    ifEqual(ETHERTYPE.ipv6, `ipv6 ${tags}`),
    ifEqual(ETHERTYPE.vlan, next),
    ifEqual(ETHERTYPE.stackedVlan, next),
    goto('workload'),
    label(`ipv4 ${tags}`),
    ...byTags(possible, 1, `ipv4 ${tags}`, (way, name) => ipv4(traffic, way, start, name)),
    label(`ipv6 ${tags}`),
    ...upkeep(start, `upkeep ${tags}`),
    ...byTags(possible, 4, `ipv6 ${tags}`, (way, name) => ipv6(traffic, way, start, name)),
    ...(next === 'workload' ? [] : addTag(start, tags + 1)),
  ];
}

/** Each way in which addresses of so many words are used, for frames whose tags are its own; others are workload. */
function byTags(ways: readonly Way[], words: 1 | 4, prefix: string, lines: (way: Way, name: string) => Line[]): Line[] {
  const fitting = ways
    .map((way) => ({ ...way, addresses: way.addresses.filter((own) => own.words.length === words) }))
    .filter(({ addresses }) => addresses.length > 0);
  return [
    ...fitting.flatMap((way) => {
      const name = `${prefix} of ${way.key}`;
      return [recall(TAGS), unlessEqual(way.key, `${name} not`), ...lines(way, name), label(`${name} not`)];
    }),
    goto('workload'),
  ];
}

/** Takes the VLAN id that begins there into the ids seen; 0 is a mere priority (IEEE 802.1Q). */
function addTag(start: number, tags: number): Line[] {
  return [
    label(`tag ${tags}`),
    load('half', start),
    calculate('and', 0xfff),
    ifEqual(0, `tags ${tags}`),
    copyToX(),
    recall(TAGS),
    calculate('shiftLeft', 12),
    orX(),
    store(TAGS),
  ];
}

function ipv4(traffic: Classified, way: Way, start: number, name: string): Line[] {
  const sends = traffic.direction === 'tx';
  const [own, far] = sends ? [start + 12, start + 16] : [start + 16, start + 12];
  const [other, migrates] = [`${name} control`, `${name} migration`];
  const toPorts = [
    load('half', start + 6),
    ifAnyBit(0x1fff, 'workload'),
    ipv4HeaderLengthToX(start),
    loadAtX('word', start),
    store(PORTS),
  ];
  return [
    load('word', own),
    ...way.addresses.map(({ words, migrates: yes }) => ifEqual(words[0] ?? 0, yes ? migrates : other)),
    goto('workload'),
    label(migrates),
    load('byte', start + 9),
    unlessEqual(PROTOCOL.tcp, other),
    ...toPorts,
    ...ifPeer(traffic.peers, false, far, name),
    label(other),
    load('byte', start + 9),
    ifEqual(PROTOCOL.icmp, 'control'),
    unlessEqual(PROTOCOL.tcp, 'workload'),
    ...toPorts,
    goto('control ports'),
  ];
}

function ipv6(traffic: Classified, way: Way, start: number, name: string): Line[] {
  const sends = traffic.direction === 'tx';
  const [own, far] = sends ? [start + 8, start + 24] : [start + 24, start + 8];
  return [
    ...way.addresses.flatMap(({ words, migrates }, index) => [
      ...words.flatMap((word, at) => [load('word', own + at * 4), unlessEqual(word, `${name} not ${index}`)]),
      set(migrates ? 1 : 0),
      store(IS_MIGRATION),
      goto(`${name} headers`),
      label(`${name} not ${index}`),
    ]),
    goto('workload'),
    label(`${name} headers`),
    ...passExtensions(start, name),
    label(`${name} tcp`),
    loadAtX('word', 0),
    store(PORTS),
    recall(IS_MIGRATION),
    ifEqual(0, 'control ports'),
    ...ifPeer(traffic.peers, true, far, name),
  ];
}

/** Goes on at `NAME tcp` with X at the TCP header. */
function passExtensions(start: number, name: string): Line[] {
  const step = (index: number): Line[] => {
    const [options, fragment, next] = ['options', 'fragment', 'header'].map((each) => `${name} ${each} ${index}`) as [
      string,
      string,
      string,
    ];
    return [
      ifEqual(PROTOCOL.tcp, `${name} tcp`),
      ifEqual(PROTOCOL.icmpv6, 'control'),
      ifEqual(EXTENSION.fragment, fragment),
      ifEqual(EXTENSION.hopByHop, options),
      ifEqual(EXTENSION.routing, options),
      unlessEqual(EXTENSION.destination, 'workload'),
      label(options),
      loadAtX('byte', 0),
      store(NEXT_HEADER),
      // Its length is told in units of 8 bytes, the first left out.
      loadAtX('byte', 1),
      calculate('add', 1),
      calculate('shiftLeft', 3),
      addX(),
      copyToX(),
      goto(next),
      label(fragment),
      loadAtX('half', 2),
      ifAnyBit(0xfff8, 'workload'),
      loadAtX('byte', 0),
      store(NEXT_HEADER),
      copyFromX(),
      calculate('add', 8),
      copyToX(),
      label(next),
      recall(NEXT_HEADER),
    ];
  };
  return [
    load('byte', start + 6),
    setX(start + IPV6_BYTES),
    ...Array.from({ length: MOST_EXTENSIONS }, (_, index) => step(index)).flat(),
    ifEqual(PROTOCOL.tcp, `${name} tcp`),
    ifEqual(PROTOCOL.icmpv6, 'control'),
    goto('workload'),
  ];
}

/** Migration if one of the ports is QEMU's and the far end a peer; else perhaps control. */
function ifPeer(peers: readonly string[], v6: boolean, far: number, name: string): Line[] {
  const blocks = peers.filter((peer) => isIpv6(peer) === v6).map(parseBlock);
  if (blocks.length === 0) return [goto('control ports')];
  const { first, mask } = MIGRATION_PORTS;
  return [
    recall(PORTS),
    calculate('and', mask),
    ifEqual(first, `${name} peers`),
    recall(PORTS),
    calculate('and', mask * 0x10000),
    unlessEqual(first * 0x10000, 'control ports'),
    label(`${name} peers`),
    ...blocks.flatMap((block, index) => ifInBlock(block, far, `${name} peer ${index}`)),
    goto('control ports'),
  ];
}

function ifInBlock({ words, masks }: Block, far: number, name: string): Line[] {
  const compared = words.flatMap((word, index): Line[] => {
    const mask = masks[index] ?? 0;
    if (mask === 0) return [];
    const masked = mask === 0xffff_ffff ? [] : [calculate('and', mask)];
    return [load('word', far + index * 4), ...masked, unlessEqual(word, `${name} not`)];
  });
  return [...compared, goto('migration'), label(`${name} not`)];
}

/** IPv6's ARP. MLD belongs to it (a switch that snoops sends neighbour discovery where MLD asked for it) and has options. */
function upkeep(start: number, name: string): Line[] {
  const first = start + IPV6_BYTES;
  return [
    load('byte', start + 6),
    ifEqual(PROTOCOL.icmpv6, `${name} plain`),
    unlessEqual(EXTENSION.hopByHop, `${name} not`),
    load('byte', first),
    unlessEqual(PROTOCOL.icmpv6, `${name} not`),
    load('byte', first + 1),
    unlessEqual(0, `${name} not`),
    load('byte', first + 8),
    goto(`${name} type`),
    label(`${name} plain`),
    load('byte', first),
    label(`${name} type`),
    ifEqual(ICMPV6_UPKEEP.mldV2, 'control'),
    unlessAtLeast(ICMPV6_UPKEEP.first, `${name} not`),
    ifAtLeast(ICMPV6_UPKEEP.last + 1, `${name} not`),
    goto('control'),
    label(`${name} not`),
  ];
}

function controlPorts(ports: readonly number[]): Line[] {
  const either = ports.map((port) => ifEqual(port, 'control'));
  return [
    label('control ports'),
    recall(PORTS),
    calculate('and', 0xffff),
    ...either,
    recall(PORTS),
    calculate('shiftRight', 16),
    ...either,
    goto('workload'),
  ];
}
