import {
  attribute,
  findAttribute,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  netlinkMessage,
  nextValue,
  readName,
  text,
  valueEnd,
} from './netlink.ts';

/** linux/netfilter/nfnetlink.h and nf_tables.h. */
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_GETSETELEM = 13;
const NFT_MSG_NEWGEN = 15;
const NFT_MSG_GETGEN = 16;
const NFTA_GEN_ID = 1;
const NFT_MSG_NEWOBJ = 18;
const NFT_MSG_GETOBJ = 19;
const NFGENMSG_BYTES = 4;
const FAMILIES = { inet: 1, bridge: 7 } as const;
export type NftFamily = keyof typeof FAMILIES;

const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_EXPR = 7;
const NFTA_DATA_VALUE = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_OBJ_TABLE = 1;
const NFTA_OBJ_NAME = 2;
const NFTA_OBJ_DATA = 4;
const NFTA_COUNTER_BYTES = 1;
const NFTA_COUNTER_PACKETS = 2;
/** IFNAMSIZ: a name and its NUL, filled up with NULs. */
const NAME_BYTES = 16;

export function dumpSet(sequence: number, family: NftFamily, table: string, set: string): Buffer {
  return netlinkMessage(
    (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETSETELEM,
    NLM_F_REQUEST | NLM_F_DUMP,
    sequence,
    Buffer.from([FAMILIES[family], 0, 0, 0]),
    attribute(NFTA_SET_ELEM_LIST_TABLE, text(table)),
    attribute(NFTA_SET_ELEM_LIST_SET, text(set)),
  );
}

/** Asks for the number of the ruleset's generation, which every change of anybody's rules raises. */
export function getGeneration(sequence: number): Buffer {
  const type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN;
  return netlinkMessage(type, NLM_F_REQUEST, sequence, Buffer.alloc(NFGENMSG_BYTES));
}

export function parseGeneration(part: Buffer, type: number, from: number, to: number): number | null {
  if ((type & 0xff) !== NFT_MSG_NEWGEN) return null;
  const id = findAttribute(part, NFTA_GEN_ID, from + NFGENMSG_BYTES, to);
  return id === -1 ? null : part.readUInt32BE(id);
}

export function dumpObjects(sequence: number, family: NftFamily, table: string): Buffer {
  return netlinkMessage(
    (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETOBJ,
    NLM_F_REQUEST | NLM_F_DUMP,
    sequence,
    Buffer.from([FAMILIES[family], 0, 0, 0]),
    attribute(NFTA_OBJ_TABLE, text(table)),
  );
}

/** `key` is the two names as they lie in the kernel (`splitKey`): equal keys are equal pairs, and it is cheap to make. */
export type VisitPair = (key: string, packets: number, bytes: number) => void;

/** Elements of a set keyed by two interface names that have a counter, from one message of the dump. */
export function visitPairs(part: Buffer, type: number, from: number, to: number, visit: VisitPair): void {
  if ((type & 0xff) !== NFT_MSG_NEWSETELEM) return;
  const list = findAttribute(part, NFTA_SET_ELEM_LIST_ELEMENTS, from + NFGENMSG_BYTES, to);
  if (list === -1) return;
  const end = valueEnd(part, list);
  // Every element is an attribute of its own in the list, of type NFTA_LIST_ELEM.
  for (let element = list + 4; element < end; element = nextValue(part, element)) {
    const elementEnd = valueEnd(part, element);
    const key = findAttribute(part, NFTA_SET_ELEM_KEY, element, elementEnd);
    const expression = findAttribute(part, NFTA_SET_ELEM_EXPR, element, elementEnd);
    if (key === -1 || expression === -1) continue;
    const value = findAttribute(part, NFTA_DATA_VALUE, key, valueEnd(part, key));
    const data = findAttribute(part, NFTA_EXPR_DATA, expression, valueEnd(part, expression));
    if (value === -1 || data === -1 || valueEnd(part, value) - value !== 2 * NAME_BYTES) continue;
    const name = part.toString('latin1', value, value + 2 * NAME_BYTES);
    visit(name, counter(part, NFTA_COUNTER_PACKETS, data), counter(part, NFTA_COUNTER_BYTES, data));
  }
}

/** The names in a key, in `readName`'s form. */
export function splitKey(key: string): [from: string, to: string] {
  const name = (text: string) => text.replace(/\0.*$/s, '');
  return [name(key.slice(0, NAME_BYTES)), name(key.slice(NAME_BYTES))];
}

/** One named counter, from one message of the dump of a table's objects. */
export function visitObject(
  part: Buffer,
  type: number,
  from: number,
  to: number,
  visit: (name: string, packets: number, bytes: number) => void,
): void {
  if ((type & 0xff) !== NFT_MSG_NEWOBJ) return;
  const name = findAttribute(part, NFTA_OBJ_NAME, from + NFGENMSG_BYTES, to);
  const data = findAttribute(part, NFTA_OBJ_DATA, from + NFGENMSG_BYTES, to);
  if (name === -1 || data === -1) return;
  visit(
    readName(part, name, valueEnd(part, name)),
    counter(part, NFTA_COUNTER_PACKETS, data),
    counter(part, NFTA_COUNTER_BYTES, data),
  );
}

/** A 64-bit figure, big endian here; exact up to 2^53, which is 9 petabytes. */
function counter(part: Buffer, type: number, data: number): number {
  const at = findAttribute(part, type, data, valueEnd(part, data));
  return at === -1 ? 0 : part.readUInt32BE(at) * 0x1_0000_0000 + part.readUInt32BE(at + 4);
}
