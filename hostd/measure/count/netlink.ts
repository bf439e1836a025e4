/**
 * The bytes of netlink messages (linux/netlink.h). Headers and attribute headers are in the machine's byte order, which
 * is little endian wherever hostd runs (x86-64, arm64, ppc64le). Nothing is copied: a place is an offset into the part.
 */
export const NLM_F_REQUEST = 0x1;
export const NLM_F_DUMP = 0x300;
const NLM_F_DUMP_INTR = 0x10;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSG_HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
/** NLA_F_NESTED and NLA_F_NET_BYTEORDER are told beside the type. */
const ATTRIBUTE_TYPE_MASK = 0x3fff;

/** linux/errno.h; a dump that was interrupted three times counts as EINTR. */
export const ENOENT = 2;
export const EINTR = 4;

export function netlinkMessage(type: number, flags: number, sequence: number, ...body: Buffer[]): Buffer {
  const header = Buffer.alloc(NLMSG_HEADER_BYTES);
  const message = Buffer.concat([header, ...body]);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(type, 4);
  message.writeUInt16LE(flags, 6);
  message.writeUInt32LE(sequence, 8);
  return message;
}

export function attribute(type: number, value: Buffer): Buffer {
  const length = ATTRIBUTE_HEADER_BYTES + value.length;
  const bytes = Buffer.alloc(align(length));
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(type, 2);
  value.copy(bytes, ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

/** Text of one character a byte as the kernel takes it, with its NUL. */
export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`, 'latin1');
}

/** Called with each message of data: its type, and where what follows the header begins and ends. */
export type VisitMessage = (part: Buffer, type: number, from: number, to: number) => void;

export interface PartState {
  /** The kernel has no more to say. */
  done: boolean;
  /** What was dumped changed meanwhile: the whole is to be read again. */
  interrupted: boolean;
  /** errno of the answer, 0 if there is none. */
  errno: number;
}

/** Works off one part as it was received; messages of other sequence numbers are answers to older questions. */
export function visitPart(part: Buffer, sequence: number, visit: VisitMessage): PartState {
  const state: PartState = { done: false, interrupted: false, errno: 0 };
  for (let at = 0; at + NLMSG_HEADER_BYTES <= part.length; ) {
    const length = part.readUInt32LE(at);
    if (length < NLMSG_HEADER_BYTES || at + length > part.length) throw new RangeError('a netlink message is cut off');
    const type = part.readUInt16LE(at + 4);
    const from = at + NLMSG_HEADER_BYTES;
    if (part.readUInt32LE(at + 8) === sequence) {
      if ((part.readUInt16LE(at + 6) & NLM_F_DUMP_INTR) !== 0) state.interrupted = true;
      if (type === NLMSG_ERROR || type === NLMSG_DONE) {
        state.done = true;
        // Both carry 0 or a negative errno; a DONE without one is a success.
        if (length >= NLMSG_HEADER_BYTES + 4) state.errno = Math.max(0, -part.readInt32LE(from));
      } else {
        visit(part, type, from, at + length);
      }
    }
    at += align(length);
  }
  return state;
}

/** Where the value of the first attribute of this type begins, -1 if there is none between these places. */
export function findAttribute(part: Buffer, type: number, from: number, to: number): number {
  for (let at = from; at + ATTRIBUTE_HEADER_BYTES <= to; ) {
    const length = part.readUInt16LE(at);
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > to) throw new RangeError('a netlink attribute is cut off');
    if ((part.readUInt16LE(at + 2) & ATTRIBUTE_TYPE_MASK) === type) return at + ATTRIBUTE_HEADER_BYTES;
    at += align(length);
  }
  return -1;
}

/** Where the value that begins here ends. */
export function valueEnd(part: Buffer, value: number): number {
  return value - ATTRIBUTE_HEADER_BYTES + part.readUInt16LE(value - ATTRIBUTE_HEADER_BYTES);
}

/** Where the attribute behind the value that begins here has its own value. */
export function nextValue(part: Buffer, value: number): number {
  return align(valueEnd(part, value)) + ATTRIBUTE_HEADER_BYTES;
}

/** Bytes up to the NUL, one character a byte: interface names are bytes to the kernel, not text. */
export function readName(part: Buffer, from: number, to: number): string {
  const nul = part.indexOf(0, from);
  return part.toString('latin1', from, nul === -1 || nul > to ? to : nul);
}

/** A name as libvirt and the configuration write it (UTF-8), one character a byte: the form of `readName`. */
export function portName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
  return /^[\x00-\x7f]*$/.test(name) ? name : Buffer.from(name).toString('latin1');
}

/** The other way round: a name of one character a byte as people read it. */
export function shownName(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

function align(length: number): number {
  return (length + 3) & ~3;
}
