import {
  addX,
  answer,
  calculate,
  copyToX,
  goto,
  ifAnyBit,
  ifEqual,
  ipv4HeaderLengthToX,
  type Line,
  label,
  load,
  loadAtX,
  subtractX,
  unlessEqual,
} from './bpf.ts';
import { ETHERNET_BYTES, ETHERTYPE, IPV6_BYTES, PROTOCOL, TAG_BYTES } from './frame.ts';

/** From the outer IPv4 header (without options) to the inner frame: IPv4, UDP, VXLAN (RFC 7348). */
const VXLAN_BYTES = 20 + 8 + 8;
/** IANA's, and the one that Linux has by default. */
const VXLAN_PORTS = [4789, 8472];
/** FIN, SYN, RST and ACK of TCP's flags. */
const FLAGS = 0x17;
const ACK_ONLY = 0x10;

/**
 * The end of the classifier's program for frames of the workload: TCP acknowledgements that carry nothing else answer
 * `acks`, all else 0. They are found in plain frames, behind one VLAN tag, and inside VXLAN over IPv4.
 *
 * Why: the acknowledgements of what comes in leave in the queue of what goes out. Where a reservation squeezes that, each
 * of them waits as long as the data, and the other way of the link, which nobody wanted to squeeze, falls with it
 * (RFC 3449, 5.2: "ACK prioritization"): of 475 Mbit/s 135 were left while the way out was held to 100.
 */
export function answerWorkload(acks: number): Line[] {
  return [
    load('half', ETHERNET_BYTES - 2),
    unlessEqual(ETHERTYPE.vlan, 'ack untagged'),
    load('half', ETHERNET_BYTES + 2),
    ...ifTcpAck(ETHERNET_BYTES + TAG_BYTES, 'ack tagged', true),
    label('ack untagged'),
    ...ifTcpAck(ETHERNET_BYTES, 'ack', true),
    label('acks'),
    answer(acks),
    label('bulk'),
    answer(0),
  ];
}

/** A holds the type of what begins at `start`. */
function ifTcpAck(start: number, name: string, mayBeTunnel: boolean): Line[] {
  const other = mayBeTunnel ? `${name} udp` : 'bulk';
  const inner = start + VXLAN_BYTES + ETHERNET_BYTES;
  return [
    ifEqual(ETHERTYPE.ipv6, `${name} v6`),
    unlessEqual(ETHERTYPE.ipv4, 'bulk'),
    // Any fragment: its TCP header, if it has one, tells nothing of its length.
    load('half', start + 6),
    ifAnyBit(0x3fff, 'bulk'),
    load('byte', start + 9),
    unlessEqual(PROTOCOL.tcp, other),
    ipv4HeaderLengthToX(start),
    ...flagsAt(start),
    ...headerBytesAt(start),
    addX(),
    copyToX(),
    load('half', start + 2),
    ...ifNothingElse(),
    label(`${name} v6`),
    load('byte', start + 6),
    unlessEqual(PROTOCOL.tcp, 'bulk'),
    load('byte', start + IPV6_BYTES + 13),
    calculate('and', FLAGS),
    unlessEqual(ACK_ONLY, 'bulk'),
    load('byte', start + IPV6_BYTES + 12),
    ...toBytes(),
    copyToX(),
    load('half', start + 4),
    ...ifNothingElse(),
    ...(mayBeTunnel
      ? [
          label(`${name} udp`),
          unlessEqual(PROTOCOL.udp, 'bulk'),
          load('byte', start),
          unlessEqual(0x45, 'bulk'),
          load('half', start + 22),
          ...VXLAN_PORTS.map((port) => ifEqual(port, `${name} vxlan`)),
          goto('bulk'),
          label(`${name} vxlan`),
          load('half', inner - 2),
          ...ifTcpAck(inner, `${name} inner`, false),
        ]
      : []),
  ];
}

/** X is the IPv4 header's length. */
function flagsAt(start: number): Line[] {
  return [loadAtX('byte', start + 13), calculate('and', FLAGS), unlessEqual(ACK_ONLY, 'bulk')];
}

function headerBytesAt(start: number): Line[] {
  return [loadAtX('byte', start + 12), ...toBytes()];
}

/** TCP tells its header's length in words of 4 bytes, in the upper half of the byte. */
function toBytes(): Line[] {
  return [calculate('shiftRight', 2), calculate('and', 0x3c)];
}

/** A is the length that the IP header tells, X that of the headers in it. */
function ifNothingElse(): Line[] {
  return [subtractX(), ifEqual(0, 'acks'), goto('bulk')];
}
