import type { z } from 'zod';
import type { Host, Instance, Link, Move } from '../instance.ts';
import { mvmSeconds, type VmMemory } from './duration.ts';
import { flatNetwork, type Network, networkOf } from './network.ts';
import { nicsOfPlan } from './nics.ts';
import {
  Fence,
  InstanceFile,
  MigrateAction,
  type Model,
  NetworkView,
  NodeAction,
  Offline,
  PlanFile,
  ResourceView,
  type VmAttributes,
} from './schema.ts';

/** How long a VM takes at a rate, in seconds; infinite: it never ends. */
export type DurationModel = (vm: VmMemory, mbitPerSecond: number) => number;

/** A file as a scheduling problem. */
export interface Read {
  instance: Instance;
  /** Of each VM that moves, in the order of `instance.moves`; null where the file says nothing. */
  memory: (VmMemory | null)[];
  /** The file's own numbers of the hosts, in the order of `instance.hosts`. */
  nodes: number[];
  /** What the file itself did: start times in the order of `instance.moves`; null for an instance. */
  publishedStarts: number[] | null;
  /** What was assumed or left out, for people. */
  notes: string[];
}

/** The NIC of a node of which the file says nothing: what BtrPlace's own default network gives it. */
const DEFAULT_NIC_MBIT_PER_SECOND = 1000;

/** What one VM shall do, before the network and the hosts are looked at. */
interface Wish {
  vm: number;
  from: number;
  to: number;
  bw?: number | undefined;
  seconds?: number;
  start?: number;
}

/** Why a file cannot be read, for people. */
export class UnreadableInstance extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnreadableInstance';
  }
}

/**
 * Reads a BtrPlace instance (`model`, `constraints`) or plan (`origin`, `actions`) from its JSON text.
 *
 * A plan's migrations keep their own length and bandwidth, unless `model` is given. Throws UnreadableInstance.
 */
export function readBtrplace(text: string, model: DurationModel | null): Read {
  const json = parseJson(text);
  const isPlan = typeof json === 'object' && json !== null && 'actions' in json;
  return isPlan ? readPlan(parse(PlanFile, json), model) : readInstance(parse(InstanceFile, json), model ?? mvmSeconds);
}

function parseJson(text: string): unknown {
  try {
    // A byte order mark is how some editors begin a text.
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new UnreadableInstance(`it is not JSON: ${(error as Error).message}`);
  }
}

function parse<T>(schema: z.ZodType<T>, value: unknown, where = ''): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues
    .slice(0, 5)
    .map(
      ({ path, message }) => `${[where, ...path].filter((part) => part !== '').join('.') || 'the file'}: ${message}`,
    );
  const more = result.error.issues.length > 5 ? ` (and ${result.error.issues.length - 5} more)` : '';
  throw new UnreadableInstance(`it is not as BtrPlace writes an instance or a plan: ${issues.join('; ')}${more}`);
}

function readInstance({ model, constraints }: z.infer<typeof InstanceFile>, duration: DurationModel): Read {
  const notes: string[] = [];
  const where = placesOf(model);
  const off = new Set<number>();
  const wishes: Wish[] = [];
  const strange = new Map<string, number>();
  constraints.forEach((constraint, index) => {
    if (constraint.id === 'fence') {
      const { vm, nodes } = parse(Fence, constraint, `constraints.${index}`);
      const from = where.get(vm);
      if (from === undefined) throw new UnreadableInstance(`fence of VM ${vm}: it runs on no online node`);
      const [to] = nodes;
      if (to !== undefined && !nodes.includes(from)) wishes.push({ vm, from, to });
    } else if (constraint.id === 'offline') {
      off.add(parse(Offline, constraint, `constraints.${index}`).node);
    } else if (constraint.id !== 'online' && constraint.id !== 'running') {
      strange.set(constraint.id, (strange.get(constraint.id) ?? 0) + 1);
    }
  });
  for (const [id, times] of strange) notes.push(`constraint ${id} (${times}) is not known here and not kept`);
  const twice = wishes.find(({ vm }, index) => wishes.findIndex((other) => other.vm === vm) !== index);
  if (twice) throw new UnreadableInstance(`VM ${twice.vm} has two fences: keep the one that names its destination`);
  const shutdowns = new Map([...off].map((node) => [node, model.attributes.nodes[node]?.shutdown ?? 0]));
  return assemble(model, wishes, shutdowns, new Map(), duration, notes);
}

function readPlan({ origin, actions }: z.infer<typeof PlanFile>, duration: DurationModel | null): Read {
  const notes: string[] = [];
  const where = placesOf(origin);
  const shutdowns = new Map<number, number>();
  const boots = new Map<number, number>();
  const wishes: Wish[] = [];
  actions.forEach((action, index) => {
    if (action.id === 'migrateVM') {
      const { vm, from, to, bw, start, end } = parse(MigrateAction, action, `actions.${index}`);
      if (where.get(vm) !== from) {
        throw new UnreadableInstance(`actions.${index}: VM ${vm} does not run on node ${from}`);
      }
      if (from === to) throw new UnreadableInstance(`actions.${index}: VM ${vm} is on node ${to} already`);
      wishes.push({ vm, from, to, bw, seconds: end - start, start });
    } else if (action.id === 'bootNode' || action.id === 'shutdownNode') {
      const { node, start, end } = parse(NodeAction, action, `actions.${index}`);
      (action.id === 'bootNode' ? boots : shutdowns).set(node, end - start);
    } else {
      notes.push(`action ${action.id} is not known here and left out`);
    }
  });
  const twice = wishes.find(({ vm }, index) => wishes.findIndex((other) => other.vm === vm) !== index);
  if (twice) throw new UnreadableInstance(`VM ${twice.vm} migrates twice: a plan here moves each VM once`);
  return assemble(origin, wishes, shutdowns, boots, duration, notes);
}

/** On which node each VM runs. */
function placesOf({ mapping }: Model): Map<number, number> {
  const where = new Map<number, number>();
  for (const [node, { runningVMs, sleepingVMs }] of Object.entries(mapping.onlineNodes)) {
    for (const vm of [...runningVMs, ...sleepingVMs]) {
      const other = where.get(vm);
      if (other !== undefined) throw new UnreadableInstance(`VM ${vm} runs on node ${other} and on node ${node}`);
      where.set(vm, Number(node));
    }
  }
  return where;
}

function assemble(
  model: Model,
  wishes: Wish[],
  shutdowns: ReadonlyMap<number, number>,
  boots: ReadonlyMap<number, number>,
  duration: DurationModel | null,
  notes: string[],
): Read {
  const where = placesOf(model);
  const online = Object.keys(model.mapping.onlineNodes).map(Number);
  const nodes = [...new Set([...online, ...model.mapping.offlineNodes, ...wishes.map(({ to }) => to)])].sort(
    (a, b) => a - b,
  );
  const hostOf = new Map(nodes.map((node, index) => [node, index]));
  const known = new Set([...online, ...model.mapping.offlineNodes]);
  for (const { vm, to } of wishes) {
    if (!known.has(to))
      throw new UnreadableInstance(`VM ${vm} shall go to node ${to}, which the mapping does not have`);
    if (shutdowns.has(to)) throw new UnreadableInstance(`VM ${vm} shall go to node ${to}, which is to be switched off`);
  }
  for (const node of [...boots.keys(), ...shutdowns.keys()]) {
    if (!known.has(node)) throw new UnreadableInstance(`node ${node} is switched on or off, but not in the mapping`);
  }
  const leaving = new Set(wishes.map(({ vm }) => vm));
  for (const [vm, node] of where) {
    if (shutdowns.has(node) && !leaving.has(vm)) {
      throw new UnreadableInstance(`node ${node} is to be switched off, but VM ${vm} on it has no fence elsewhere`);
    }
  }
  const views = resourceViews(model);
  const network = networkFor(model, nodes, wishes, notes);
  const links: Link[] = [...network.links];
  const memory = wishes.map(({ vm }) => memoryOf(vm, model.attributes.vms[vm], views));
  const moves = wishes.map((wish, index): Move => {
    const { vm, from, to } = wish;
    const path = network.path(from, to) ?? defaultPath(links, from, to, notes);
    const least = Math.min(...path.map((link) => links[link]?.capacity ?? 0));
    const mbitPerSecond = wish.bw ?? (Number.isFinite(least) ? least : DEFAULT_NIC_MBIT_PER_SECOND);
    if (mbitPerSecond > least) {
      throw new UnreadableInstance(`VM ${vm} is given ${mbitPerSecond} Mbit/s, but its path carries ${least}`);
    }
    return {
      vm,
      from: hostOf.get(from) ?? -1,
      to: hostOf.get(to) ?? -1,
      mbitPerSecond,
      durationSeconds: durationOf(wish, memory[index] ?? null, mbitPerSecond, duration),
      uses: path.map((link) => ({ link, amount: mbitPerSecond })),
      demand: views.map((view) => view.vms[vm] ?? view.defConsumption),
    };
  });
  const hosts = nodes.map((node): Host => {
    const isOff = model.mapping.offlineNodes.includes(node);
    return {
      name: `node ${node}`,
      capacity: views.map((view) => view.nodes[node] ?? view.defCapacity),
      used: views.map(() => 0),
      bootSeconds: boots.get(node) ?? (isOff ? (model.attributes.nodes[node]?.boot ?? 0) : 0),
      shutdownSeconds: shutdowns.get(node) ?? null,
    };
  });
  for (const [vm, node] of where) {
    const used = hosts[hostOf.get(node) ?? -1]?.used as number[];
    views.forEach((view, r) => {
      used[r] = (used[r] ?? 0) + (view.vms[vm] ?? view.defConsumption);
    });
  }
  return {
    instance: { resources: views.map(({ rcId }) => rcId), links, hosts, moves },
    memory,
    nodes,
    publishedStarts: wishes.every(({ start }) => start !== undefined) ? wishes.map(({ start }) => start ?? 0) : null,
    notes,
  };
}

function resourceViews({ views }: Model): ResourceView[] {
  const found = views.flatMap((view, index) =>
    view.id === 'shareableResource' ? [parse(ResourceView, view, `model.views.${index}`)] : [],
  );
  return found.sort((a, b) => (a.rcId < b.rcId ? -1 : 1));
}

function networkFor(model: Model, nodes: number[], wishes: Wish[], notes: string[]): Network {
  const index = model.views.findIndex(({ id }) => id === 'net');
  if (index >= 0) return networkOf(parse(NetworkView, model.views[index], `model.views.${index}`));
  const nics = nicsOfPlan(nodes, wishes, DEFAULT_NIC_MBIT_PER_SECOND);
  notes.push(nics.note);
  return flatNetwork(nics.mbitPerSecond);
}

/** A node that the network does not connect gets a NIC of its own; what lies between is taken not to block. */
function defaultPath(links: Link[], from: number, to: number, notes: string[]): number[] {
  const note = `no link between node ${from} and node ${to}: ${DEFAULT_NIC_MBIT_PER_SECOND} Mbit/s each is assumed`;
  notes.push(note);
  return [`node ${from} up`, `node ${to} down`].map((name) => {
    const at = links.findIndex((link) => link.name === name);
    return at >= 0 ? at : links.push({ name, capacity: DEFAULT_NIC_MBIT_PER_SECOND }) - 1;
  });
}

/** Null: the file gives no memory for it. Without `memUsed` its share of the resource `mem` (GB) is taken. */
function memoryOf(vm: number, given: VmAttributes | undefined, views: readonly ResourceView[]): VmMemory | null {
  const mem = views.find(({ rcId }) => rcId === 'mem');
  const memoryMegabytes = given?.memUsed ?? (mem ? (mem.vms[vm] ?? mem.defConsumption) * 1000 : 0);
  if (!(memoryMegabytes > 0)) return null;
  const hotMegabytes = given?.hotDirtySize ?? given?.maxDirtySize ?? 0;
  const hotSeconds = given?.hotDirtyDuration ?? given?.maxDirtyDuration ?? 0;
  if (hotMegabytes > 0 && !(hotSeconds > 0)) {
    throw new UnreadableInstance(`VM ${vm} dirties ${hotMegabytes} MB in 0 s: hotDirtyDuration is missing`);
  }
  return {
    memoryMegabytes,
    hotMegabytes,
    hotSeconds,
    coldMegabytesPerSecond: given?.coldDirtyRate ?? given?.dirtyRate ?? 0,
  };
}

function durationOf(
  wish: Wish,
  memory: VmMemory | null,
  mbitPerSecond: number,
  duration: DurationModel | null,
): number {
  if (duration === null && wish.seconds !== undefined) return wish.seconds;
  if (!memory) throw new UnreadableInstance(`VM ${wish.vm} has no attribute memUsed: how long it takes is unknown`);
  const seconds = (duration ?? mvmSeconds)(memory, mbitPerSecond);
  if (Number.isFinite(seconds)) return seconds;
  throw new UnreadableInstance(`VM ${wish.vm} dirties memory faster than ${mbitPerSecond} Mbit/s carry: it never ends`);
}
