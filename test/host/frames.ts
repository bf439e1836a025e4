import { addressWords, isIpv6 } from '../../hostd/address.ts';

export interface Frame {
  source: string;
  destination: string;
  /** Default: TCP. */
  protocol?: number;
  sourcePort?: number;
  destinationPort?: number;
  /** VLAN ids inside the frame, the outermost first; the type is 802.1ad for all but the last. */
  tags?: readonly number[];
  /** Bytes of IPv4 options, a multiple of 4. */
  optionBytes?: number;
  /** In units of 8 bytes. */
  fragmentOffset?: number;
  moreFragments?: boolean;
  /** IPv6 extension headers: their type and length in bytes, a multiple of 8. */
  extensions?: readonly (readonly [type: number, bytes: number])[];
  /** First byte behind the IP headers where that is no TCP. */
  icmpType?: number;
  payloadBytes?: number;
  /** Default: none. */
  tcpFlags?: number;
  macs?: { destination: string; source: string };
}

const TCP = 6;
const FRAGMENT = 44;

/** An Ethernet frame, byte for byte; checksums of TCP are left 0. */
export function frame(wanted: Frame): Buffer {
  const { tags = [], macs = { destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' } } = wanted;
  const v6 = isIpv6(wanted.source);
  const head = Buffer.alloc(14 + tags.length * 4);
  Buffer.from(`${macs.destination}:${macs.source}`.replaceAll(':', ''), 'hex').copy(head);
  for (const [index, id] of tags.entries()) {
    head.writeUInt16BE(index === tags.length - 1 ? 0x8100 : 0x88a8, 12 + index * 4);
    head.writeUInt16BE(id, 14 + index * 4);
  }
  head.writeUInt16BE(v6 ? 0x86dd : 0x0800, 12 + tags.length * 4);
  return Buffer.concat([head, v6 ? ipv6(wanted) : ipv4(wanted)]);
}

function payload({
  protocol = TCP,
  sourcePort = 0,
  destinationPort = 0,
  icmpType = 0,
  payloadBytes = 64,
  tcpFlags = 0,
}: Frame): Buffer {
  const bytes = Buffer.alloc(20 + payloadBytes);
  if (protocol === TCP) {
    bytes.writeUInt16BE(sourcePort, 0);
    bytes.writeUInt16BE(destinationPort, 2);
    bytes[12] = 0x50;
    bytes[13] = tcpFlags;
    return bytes;
  }
  bytes[0] = icmpType;
  return bytes;
}

function address(text: string): Buffer {
  const words = addressWords(text);
  const bytes = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, index * 4);
  return bytes;
}

function ipv4(wanted: Frame): Buffer {
  const { optionBytes = 0, fragmentOffset = 0, moreFragments = false } = wanted;
  const rest = payload(wanted);
  // No-operations (RFC 791 section 3.1).
  const header = Buffer.alloc(20 + optionBytes, 1);
  header[0] = 0x40 | (header.length / 4);
  header[1] = 0;
  header.writeUInt16BE(header.length + rest.length, 2);
  header.writeUInt16BE(7, 4);
  header.writeUInt16BE((moreFragments ? 0x2000 : 0) | fragmentOffset, 6);
  header[8] = 64;
  header[9] = wanted.protocol ?? TCP;
  header.writeUInt16BE(0, 10);
  address(wanted.source).copy(header, 12);
  address(wanted.destination).copy(header, 16);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, rest]);
}

function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function ipv6(wanted: Frame): Buffer {
  const { protocol = TCP, extensions = [], fragmentOffset = 0, moreFragments = false } = wanted;
  const rest = payload(wanted);
  const types = [...extensions.map(([type]) => type), protocol];
  const headers = extensions.map(([type, length], index) => {
    const bytes = Buffer.alloc(length);
    bytes[0] = types[index + 1] ?? protocol;
    if (type === FRAGMENT) bytes.writeUInt16BE(fragmentOffset * 8 + (moreFragments ? 1 : 0), 2);
    else {
      bytes[1] = length / 8 - 1;
      // Padding to the end (RFC 8200 section 4.2).
      if (type === 0 || type === 60) Buffer.from([1, length - 4]).copy(bytes, 2);
    }
    return bytes;
  });
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(
    headers.reduce((sum, each) => sum + each.length, rest.length),
    4,
  );
  header[6] = types[0] ?? protocol;
  header[7] = 255;
  address(wanted.source).copy(header, 8);
  address(wanted.destination).copy(header, 24);
  return Buffer.concat([header, ...headers, rest]);
}
