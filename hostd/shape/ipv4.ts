import {
  goto,
  ifAnyBit,
  ifEqual,
  ipv4HeaderLengthToX,
  type Line,
  label,
  load,
  loadAtX,
  store,
  unlessEqual,
} from './bpf.ts';
import { PROTOCOL } from './frame.ts';
import { ifPeer } from './peer.ts';
import { type Classified, PORTS, type Way } from './way.ts';

/** Packets of IPv4 that the own addresses of one way send or take in. */
export function ipv4(traffic: Classified, way: Way, start: number, name: string): Line[] {
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
