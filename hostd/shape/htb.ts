import type { LinkReservation } from '../contract.ts';
import { classifier } from './classify.ts';
import type { Classified } from './way.ts';

/** One HTB class as the kernel shows it; ids are `handle:minor` in hexadecimal. */
export interface TreeClass {
  parent: string;
  /** Null for an inner class: the kernel does not print it there. */
  prio: number | null;
  rate: number;
  ceil: number;
}

/** The whole tree under one root qdisc; what is wanted and what the kernel has are told in the same words. */
export interface Tree {
  /** Minor number of the class for everything that no filter takes, e.g. `0x30`. */
  defaultMinor: string;
  classes: ReadonlyMap<string, TreeClass>;
  /** Bytes that may wait, by class. */
  leafLimits: ReadonlyMap<string, number>;
  /** The program that tells a frame's class, as tc prints it; null: there is none, or not one alone. */
  classifier: string | null;
}

/**
 * Major number of hostd's root qdisc, chosen so that nobody else has it: people write 1:, the kernel gives out 8001:
 * and up. By it hostd knows its own tree again after a crash.
 */
export const ROOT = 'd707:';
const TOTAL = `${ROOT}1`;
export const CONTROL = `${ROOT}10`;
export const MIGRATION = `${ROOT}20`;
/** Its leaves are the next two. */
export const WORKLOAD = `${ROOT}30`;
/** What only acknowledges, first in the workload: else the other way of the link falls with this one (see acks.ts). */
export const WORKLOAD_ACKS = `${ROOT}31`;
export const WORKLOAD_BULK = `${ROOT}32`;
const LEAVES: Record<string, string> = {
  [CONTROL]: 'd710:',
  [MIGRATION]: 'd720:',
  [WORKLOAD_ACKS]: 'd731:',
  [WORKLOAD_BULK]: 'd732:',
};
/**
 * Acknowledgements are one frame of 66 bytes or more for two of 1514 at the most (RFC 5681, 4.2), so 2.3 % of the other
 * way; with more than this share of the workload they are no such thing and have no precedence.
 */
const ACK_SHARE = 0.1;

const QUEUE_MS = 20;
/** Two of the largest offloaded packets: less and they would be dropped whole. */
const SHORTEST_QUEUE_BYTES = 2 * 65_536;
/** Never more than a packet of this size at once in one round between classes of equal prio. */
const LARGEST_QUANTUM_BYTES = 60_000;
const MTU_FRAME_BYTES = 1514;

export interface LinkLimits extends Classified {
  /** What all classes together may send: the link less the shaping margin. */
  totalBitsPerSecond: number;
  controlBitsPerSecond: number;
}

/** The tree that keeps `reservation` on one direction of the NIC. */
export function desiredTree(reservation: LinkReservation, limits: LinkLimits): Tree {
  const total = shownRate(limits.totalBitsPerSecond);
  const below = (parent: string, rate: number, ceil: number, prio: number | null): TreeClass => ({
    parent,
    prio,
    rate: shownRate(Math.min(rate, total)),
    ceil: shownRate(Math.min(ceil, total)),
  });
  const { migration, workload } = reservation;
  const held = {
    rate: Math.min(workload.rateBitsPerSecond, total),
    ceil: Math.min(workload.ceilBitsPerSecond, total),
  };
  const classes = new Map<string, TreeClass>([
    [TOTAL, { parent: 'root', prio: null, rate: total, ceil: total }],
    [CONTROL, below(TOTAL, limits.controlBitsPerSecond, total, 0)],
    [MIGRATION, below(TOTAL, migration.rateBitsPerSecond, migration.ceilBitsPerSecond, migration.prio)],
    [WORKLOAD, below(TOTAL, workload.rateBitsPerSecond, workload.ceilBitsPerSecond, null)],
    [WORKLOAD_ACKS, below(WORKLOAD, ACK_SHARE * held.rate, ACK_SHARE * held.ceil, 0)],
    [WORKLOAD_BULK, below(WORKLOAD, (1 - ACK_SHARE) * held.rate, held.ceil, workload.prio)],
  ]);
  return {
    defaultMinor: `0x${WORKLOAD_BULK.slice(ROOT.length)}`,
    classes,
    leafLimits: new Map(Object.keys(LEAVES).map((id) => [id, queueBytes(classes.get(id)?.ceil ?? total)])),
    classifier: classifier(limits, {
      control: idNumber(CONTROL),
      migration: idNumber(MIGRATION),
      acks: idNumber(WORKLOAD_ACKS),
    }),
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

/** `d707:10` as the kernel has it: 16 bits each. */
function idNumber(id: string): number {
  const [major = '', minor = ''] = id.split(':');
  return Number.parseInt(major, 16) * 0x10000 + Number.parseInt(minor, 16);
}

/** Lines of a tc batch that make the tree on `dev`, whose root qdisc may be replaced. */
export function buildOperations(dev: string, tree: Tree): string[] {
  return [
    `qdisc replace dev ${dev} root handle ${ROOT} htb default ${tree.defaultMinor.slice(2)} r2q 1000`,
    ...[...tree.classes].map(([id, each]) => classOperation('add', dev, id, each)),
    ...[...tree.leafLimits].map(([id, bytes]) => leafOperation('add', dev, id, bytes)),
    ...(tree.classifier === null ? [] : [filterOperation('add', dev, tree.classifier)]),
  ];
}

/** `replace` puts the new program in the place of the old one: no frame meets none. */
function filterOperation(verb: 'add' | 'replace', dev: string, program: string): string {
  return `filter ${verb} dev ${dev} parent ${ROOT} protocol all pref 1 handle 0x1 bpf bytecode "${program}"`;
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
 * The fewest operations from the kernel's tree to the wanted one. Where only rates or addresses differ these are `class
 * change` and `filter replace` lines, which drop no packet; another shape is built anew.
 */
export function treeOperations(dev: string, current: Tree | null, desired: Tree): string[] {
  if (current === null) return buildOperations(dev, desired);
  if (!sameShape(current, desired)) return [`qdisc del dev ${dev} root`, ...buildOperations(dev, desired)];
  const changed = [...desired.classes].filter(([id, each]) => !sameClass(each, current.classes.get(id)));
  const limits = [...desired.leafLimits].filter(([id, bytes]) => current.leafLimits.get(id) !== bytes);
  const program = desired.classifier === current.classifier ? null : desired.classifier;
  return [
    ...(program === null ? [] : [filterOperation('replace', dev, program)]),
    ...changed.map(([id, each]) => classOperation('change', dev, id, each)),
    ...limits.map(([id, bytes]) => leafOperation('change', dev, id, bytes)),
  ];
}

/** False for a tree that was left half built. */
export function isWhole(tree: Tree): boolean {
  return tree.classes.size === 6 && tree.leafLimits.size === 4 && tree.classifier !== null;
}

function sameShape(current: Tree, desired: Tree): boolean {
  const shape = (tree: Tree) =>
    JSON.stringify([
      Number(tree.defaultMinor),
      [...tree.classes].map(([id, each]) => `${id} ${each.parent}`).sort(),
      [...tree.leafLimits.keys()].sort(),
      tree.classifier !== null,
    ]);
  return shape(current) === shape(desired);
}

function sameClass(one: TreeClass, other: TreeClass | undefined): boolean {
  return other !== undefined && one.rate === other.rate && one.ceil === other.ceil && one.prio === other.prio;
}
