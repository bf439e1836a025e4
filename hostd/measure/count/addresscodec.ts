import { findAttribute, NLM_F_DUMP, NLM_F_REQUEST, netlinkMessage, valueEnd } from './netlink.ts';

/** linux/rtnetlink.h, if_addr.h. */
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const IFADDRMSG_BYTES = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

/** One address of one interface. */
export interface InterfaceAddress {
  index: number;
  /** Of 32 bits each: one of IPv4, four of IPv6. */
  words: number[];
}

/** Asks for all addresses of both families. */
export function dumpAddresses(sequence: number): Buffer {
  return netlinkMessage(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, sequence, Buffer.alloc(IFADDRMSG_BYTES));
}

export function parseAddress(part: Buffer, type: number, from: number, to: number): InterfaceAddress | null {
  if (type !== RTM_NEWADDR) return null;
  const attributes = from + IFADDRMSG_BYTES;
  // IFA_ADDRESS is the far end's where the interface is point to point; IPv6 has IFA_LOCAL there only.
  const local = findAttribute(part, IFA_LOCAL, attributes, to);
  const at = local === -1 ? findAttribute(part, IFA_ADDRESS, attributes, to) : local;
  if (at === -1) return null;
  const words: number[] = [];
  for (let word = at; word + 4 <= valueEnd(part, at); word += 4) words.push(part.readUInt32BE(word));
  return { index: part.readUInt32LE(from + 4), words };
}
