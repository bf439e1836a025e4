/** A cell of the grid as the simulator's scene and as the samples that the controller would decide on. */
import type { VmSample } from 'drover-hostd/contract';
import { ordinaryVm } from '../../../plugin/cli/ordinary.ts';
import { reservationOf } from '../../../plugin/controller/plan/decide.ts';
import type { QueuedMigration, World, WorldHost } from '../../../plugin/controller/plan/world.ts';
import type { Policy } from '../../../plugin/policy/schema.ts';
import { host as measuredHost, NOW } from '../../unit/controller/plan/worlds.ts';
import { type GuestLoad, measureDirtyRate } from '../simulator/guest.ts';
import type { Scene } from '../simulator/migration.ts';
import { fill } from '../simulator/network.ts';
import type { Cell } from './grid.ts';

const MEBI = 2 ** 20;
const LINK = 500e6;
/** As hostd has it on that link: less 4 % for shaping and 5 Mbit/s for control traffic. */
const SHAPEABLE = 475e6;
const VM_RATE = 300e6;
const HOST_RATE = 300e6;
const MEMORY = 256 * MEBI;
const WRITES = { none: 0, low: 8 * MEBI, high: 40 * MEBI };
const HOT = 96 * MEBI;
const VM = '00000000-0000-4000-8000-000000000001';
const SOURCE = 'compute-1';
const DESTINATION = 'compute-2';

export const MIGRATION: QueuedMigration = {
  id: 1,
  vmUuid: VM,
  source: SOURCE,
  destination: DESTINATION,
  receivedAtMs: NOW,
  server: { name: 'vm', projectId: 'p', flavorName: 'm256', metadata: {}, memoryBytes: MEMORY },
};

function load(cell: Cell): GuestLoad {
  return {
    memoryBytes: MEMORY,
    hotBytes: HOT,
    writesBytesPerSecond: WRITES[cell.dirty],
    readsPerSecond: 200,
    answerPages: 16,
  };
}

/** The world just before the decision: what hostd would have measured of this cell. */
export function worldOf(cell: Cell, policy: Policy, random: () => number): World {
  const wanted = demands(cell);
  const free = { capacity: SHAPEABLE, reservation: null };
  const before = fill(
    {
      vmTx: { class: 'workload', links: ['tx'], demand: wanted.vmTx },
      out: { class: 'workload', links: ['tx'], demand: wanted.hostOut },
      vmRx: { class: 'workload', links: ['sourceRx'], demand: wanted.vmRx },
      into: { class: 'workload', links: ['rx'], demand: wanted.hostIn },
    },
    { tx: free, rx: free, sourceRx: free },
  );
  const vm: VmSample = {
    ...ordinaryVm(VM, 'instance-1', MEMORY),
    txBitsPerSecond: before.vmTx,
    rxBitsPerSecond: before.vmRx,
    dirtyWindows: [1000, 4000].map((windowMs) => ({
      windowMs,
      bytesPerSecond: measureDirtyRate(load(cell), windowMs, random),
      measuredAtMs: NOW,
    })),
  };
  const hosts = new Map<string, WorldHost>([
    [SOURCE, host(SOURCE, before.vmTx + before.out, before.vmRx, [vm])],
    [DESTINATION, host(DESTINATION, 0, before.into, [])],
  ]);
  return { nowMs: NOW, policy, queue: [MIGRATION], inFlight: [], hosts, previousContention: new Map() };
}

/** What really happens in this cell under the reservation that the controller makes for it. */
export function sceneOf(cell: Cell, world: World, policy: Policy, limitSeconds: number): Scene {
  const { sourceTx, destinationRx } = reservationOf(world, policy, cell.priority, MIGRATION);
  return {
    guest: load(cell),
    ...demands(cell),
    sourceTx: { capacity: SHAPEABLE, reservation: sourceTx },
    destinationRx: { capacity: SHAPEABLE, reservation: destinationRx },
    downtimeLimitMs: policy.downtimeMs,
    limitSeconds,
  };
}

function demands({ direction, hostTraffic }: Cell): Pick<Scene, 'vmTx' | 'vmRx' | 'hostOut' | 'hostIn'> {
  return {
    vmTx: direction === 'sends' ? VM_RATE : 0,
    vmRx: direction === 'receives' ? VM_RATE : 0,
    hostOut: hostTraffic === 'out' || hostTraffic === 'both' ? HOST_RATE : 0,
    hostIn: hostTraffic === 'in' || hostTraffic === 'both' ? HOST_RATE : 0,
  };
}

function host(name: string, tx: number, rx: number, vms: VmSample[]): WorldHost {
  const info = { linkBitsPerSecond: LINK, shapeableBitsPerSecond: SHAPEABLE, maxConcurrentLiveMigrations: 1 };
  return measuredHost(name, { tx, rx, vms, info, ageMs: 0 });
}
