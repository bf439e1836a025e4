import { answerWorkload } from './acks.ts';
import {
  answer,
  assemble,
  calculate,
  copyToX,
  goto,
  ifEqual,
  type Line,
  label,
  load,
  orX,
  recall,
  set,
  store,
  unlessEqual,
  VLAN_TAG,
  VLAN_TAG_PRESENT,
} from './bpf.ts';
import { ETHERNET_BYTES, ETHERTYPE, TAG_BYTES } from './frame.ts';
import { ipv4 } from './ipv4.ts';
import { ipv6, upkeep } from './ipv6.ts';
import { type Classified, groupByTags, PORTS, TAGS, type Way } from './way.ts';

const MOST_TAGS = 2;
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
