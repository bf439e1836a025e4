import {
  addX,
  calculate,
  copyFromX,
  copyToX,
  goto,
  ifAnyBit,
  ifAtLeast,
  ifEqual,
  type Line,
  label,
  load,
  loadAtX,
  recall,
  set,
  setX,
  store,
  unlessAtLeast,
  unlessEqual,
} from './bpf.ts';
import { IPV6_BYTES, PROTOCOL } from './frame.ts';
import { ifPeer } from './peer.ts';
import { type Classified, IS_MIGRATION, NEXT_HEADER, PORTS, type Way } from './way.ts';

/** IPv6 extension headers that are passed over: hop-by-hop, routing, fragment, destination options (RFC 8200). */
const EXTENSION = { hopByHop: 0, routing: 43, fragment: 44, destination: 60 } as const;
const MOST_EXTENSIONS = 4;
/** MLD and neighbour discovery (RFC 2710, 4861), MLDv2 (RFC 3810). */
const ICMPV6_UPKEEP = { first: 130, last: 137, mldV2: 143 } as const;
/** Packets of IPv6 that the own addresses of one way send or take in. */
export function ipv6(traffic: Classified, way: Way, start: number, name: string): Line[] {
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

/** IPv6's ARP. MLD belongs to it (a switch that snoops sends neighbour discovery where MLD asked for it) and has options. */
export function upkeep(start: number, name: string): Line[] {
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
