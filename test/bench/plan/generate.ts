/**
 * Instances of the shape that the literature's have, made from a seed: whoever has no copy of the public data can run the
 * same tests and the same bench. Only the shape is the same; every number of a VM's place is drawn here.
 */
import { randomFrom } from '../../../plugin/schedule/random.ts';

const RACK = 24;
const SHUTDOWN_SECONDS = 17;
const BOOT_SECONDS = 120;

/** The four kinds of VM in the scale instances: memory and what is written to it. */
const KINDS = [
  { memUsed: 2000, hotDirtySize: 5, hotDirtyDuration: 3, coldDirtyRate: 0 },
  { memUsed: 4000, hotDirtySize: 96, hotDirtyDuration: 2, coldDirtyRate: 3 },
  { memUsed: 2000, hotDirtySize: 96, hotDirtyDuration: 2, coldDirtyRate: 3 },
  { memUsed: 4000, hotDirtySize: 5, hotDirtyDuration: 3, coldDirtyRate: 0 },
];

export interface ScaleShape {
  /** 72 hosts each. */
  hostFactor: number;
  /** 96 migrations each. */
  vmFactor: number;
  /** Two thirds of the hosts are emptied and switched off, the others are off and boot first. */
  decommissioning: boolean;
  seed: number;
}

/** A BtrPlace instance as JSON text: racks of 24 hosts behind uplinks that carry less than their hosts together. */
export function scaleInstance({ hostFactor, vmFactor, decommissioning, seed }: ScaleShape): string {
  const random = randomFrom(seed);
  const hostCount = 72 * hostFactor;
  const vmCount = 96 * vmFactor;
  const crowd = Math.max(1, vmFactor / hostFactor);
  const capacity = { mem: Math.ceil(16.7 * crowd), cpu: 4 * Math.ceil(crowd) };
  const hosts = Array.from({ length: hostCount }, (_, node) => node);
  const isOff = (node: number) => decommissioning && node >= (hostCount * 2) / 3;
  const sources = hosts.filter((node) => !isOff(node));
  const destinations = decommissioning ? hosts.filter(isOff) : hosts;
  const memOf = (vm: number) => (KINDS[vm % 4]?.memUsed ?? 0) / 1000;
  const placeAll = (among: number[], avoid: (vm: number) => number) => {
    const left = new Map(among.map((node) => [node, { ...capacity }]));
    return Array.from({ length: vmCount }, (_, vm) => {
      const fitting = among.filter((node) => {
        const room = left.get(node);
        return node !== avoid(vm) && room !== undefined && room.mem >= memOf(vm) && room.cpu >= 1;
      });
      const node = fitting[Math.floor(random() * fitting.length)] ?? among[0] ?? 0;
      const room = left.get(node);
      if (room) left.set(node, { mem: room.mem - memOf(vm), cpu: room.cpu - 1 });
      return node;
    });
  };
  const from = placeAll(sources, () => -1);
  const to = placeAll(destinations, (vm) => from[vm] ?? -1);
  const racks = hostCount / RACK;
  const view = (rcId: string, nodes: number, vms: (vm: number) => number) => ({
    id: 'shareableResource',
    rcId,
    defConsumption: 0,
    defCapacity: 0,
    nodes: Object.fromEntries(hosts.map((node) => [node, nodes])),
    vms: Object.fromEntries(from.map((_, vm) => [vm, vms(vm)])),
  });
  const network = {
    id: 'net',
    routing: { type: 'default' },
    switches: Array.from({ length: racks + 1 }, (_, id) => ({ id, capacity: -1 })),
    links: [
      ...hosts.map((id) => ({
        id,
        capacity: 1000,
        switch: Math.floor(id / RACK),
        physicalElement: { id, type: 'node' },
      })),
      ...Array.from({ length: racks }, (_, id) => ({
        id: hostCount + id,
        capacity: 10_000 * hostFactor,
        switch: racks,
        physicalElement: { id, type: 'switch' },
      })),
    ],
  };
  return JSON.stringify({
    model: {
      mapping: {
        readyVMs: [],
        onlineNodes: Object.fromEntries(
          sources.map((node) => [
            node,
            { sleepingVMs: [], runningVMs: from.flatMap((own, vm) => (own === node ? [vm] : [])) },
          ]),
        ),
        offlineNodes: hosts.filter(isOff),
      },
      attributes: {
        nodes: Object.fromEntries(
          hosts.map((node) => [node, isOff(node) ? { boot: BOOT_SECONDS } : { shutdown: SHUTDOWN_SECONDS }]),
        ),
        vms: Object.fromEntries(from.map((_, vm) => [vm, KINDS[vm % 4]])),
      },
      views: [view('mem', capacity.mem, memOf), view('cpu', capacity.cpu, () => 1), network],
    },
    constraints: [
      ...to.map((node, vm) => ({ id: 'fence', vm, nodes: [node], continuous: false })),
      ...(decommissioning ? sources.map((node) => ({ id: 'offline', node, continuous: false })) : []),
    ],
    objective: { id: 'minimizeMTTRMigrationScheduling' },
  });
}

/** Seconds of a migration of the small plans, by NIC and memory. */
const SMALL_SECONDS = new Map([
  ['500 2000', 51],
  ['500 3000', 70],
  ['1000 2000', 20],
  ['1000 3000', 29],
]);
const NICS = [500, 500, 1000, 1000];

/** A plan file as JSON text: 10 VMs on 4 hosts with two kinds of NIC; its own plan runs one migration after the other. */
export function smallPlan(seed: number): string {
  const random = randomFrom(seed);
  const vms = Array.from({ length: 10 }, (_, vm) => {
    const from = Math.floor(random() * 4);
    return { vm, from, to: (from + 1 + Math.floor(random() * 3)) % 4, memUsed: vm < 5 ? 2000 : 3000 };
  });
  let now = 0;
  const actions = vms.map(({ vm, from, to, memUsed }) => {
    const bw = Math.min(NICS[from] ?? 0, NICS[to] ?? 0);
    const start = now;
    now += SMALL_SECONDS.get(`${bw} ${memUsed}`) ?? 1;
    return { id: 'migrateVM', vm, from, to, bw, start, end: now, hooks: { pre: [], post: [] } };
  });
  const view = (rcId: string, nodes: number, amount: (memUsed: number) => number) => ({
    id: 'shareableResource',
    rcId,
    defConsumption: 0,
    defCapacity: 0,
    nodes: Object.fromEntries(NICS.map((_, node) => [node, nodes])),
    vms: Object.fromEntries(vms.map(({ vm, memUsed }) => [vm, amount(memUsed)])),
  });
  return JSON.stringify({
    origin: {
      mapping: {
        readyVMs: [],
        onlineNodes: Object.fromEntries(
          NICS.map((_, node) => [
            node,
            { sleepingVMs: [], runningVMs: vms.filter(({ from }) => from === node).map(({ vm }) => vm) },
          ]),
        ),
        offlineNodes: [],
      },
      attributes: {
        nodes: {},
        vms: Object.fromEntries(
          vms.map(({ vm, memUsed }) => [vm, { memUsed, maxDirtySize: 96, maxDirtyDuration: 2, dirtyRate: 2 }]),
        ),
      },
      views: [view('mem', 30, (memUsed) => memUsed / 1000), view('cpu', 20, () => 1)],
    },
    actions,
  });
}
