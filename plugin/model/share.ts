import type { LinkReservation } from 'drover-hostd/contract';
import type { LinkFeatures, MigrationFeatures, ModelParameters } from './features.ts';

/** A workload this close to all it could have would take more if it were there: its measured rate is no demand. */
const FULL_FROM = 0.9;
/**
 * When the VM leaves a full link, so much of what it frees is taken by the others, of whom nobody knows whether they were
 * held back: the middle between all and nothing, and no more than their share of the link was.
 */
const TAKEN_BY_OTHERS = 0.5;

export interface LinkShare {
  migrationBitsPerSecond: number;
  workloadBitsPerSecond: number;
}

/**
 * What HTB gives two classes of one link (net/sched/sch_htb.c): first each its `rate`, then the rest to the lower
 * `prio`, up to `ceil`; equal `prio` share the rest by their rates. Without a reservation both sides are equal, as TCP
 * flows of the same number are.
 *
 * Link 480, migration wants all (Mbit/s, * borrows first):
 *
 * | migration | workload rate | workload wants | migration gets | workload gets |
 * |-----------|---------------|----------------|----------------|---------------|
 * | 380 *     | 100           | 50             | 430            | 50            |
 * | 380 *     | 100           | 480            | 380            | 100           |
 * | 24        | 456 *         | 300            | 180            | 300           |
 * | none      | none          | 100            | 380            | 100           |
 * | none      | none          | 480            | 240            | 240           |
 */
export function shareLink(
  capacityBitsPerSecond: number,
  reservation: LinkReservation | null,
  demand: LinkShare,
): LinkShare {
  const half = { rateBitsPerSecond: capacityBitsPerSecond / 2, ceilBitsPerSecond: capacityBitsPerSecond, prio: 0 };
  const { migration, workload } = reservation ?? { migration: half, workload: half };
  const wanted = {
    migration: Math.min(demand.migrationBitsPerSecond, migration.ceilBitsPerSecond, capacityBitsPerSecond),
    workload: Math.min(demand.workloadBitsPerSecond, workload.ceilBitsPerSecond, capacityBitsPerSecond),
  };
  const got = {
    migration: Math.min(wanted.migration, migration.rateBitsPerSecond),
    workload: Math.min(wanted.workload, workload.rateBitsPerSecond),
  };
  const lack = (name: 'migration' | 'workload') => wanted[name] - got[name];
  let rest = Math.max(0, capacityBitsPerSecond - got.migration - got.workload);
  const take = (name: 'migration' | 'workload', most: number) => {
    const more = Math.min(most, lack(name), rest);
    got[name] += more;
    rest -= more;
  };
  if (migration.prio === workload.prio) {
    const weight = migration.rateBitsPerSecond / (migration.rateBitsPerSecond + workload.rateBitsPerSecond);
    const pool = rest;
    take('migration', pool * weight);
    take('workload', pool * (1 - weight));
  }
  const first = migration.prio <= workload.prio ? 'migration' : 'workload';
  take(first, rest);
  take(first === 'migration' ? 'workload' : 'migration', rest);
  return { migrationBitsPerSecond: got.migration, workloadBitsPerSecond: got.workload };
}

/** What the stream gets, and what the workload on each of its two links does not get beside it. */
export interface PhaseRates {
  /** Page content and headers, bytes/s. */
  streamBytesPerSecond: number;
  lostSourceTxBitsPerSecond: number;
  lostDestinationRxBitsPerSecond: number;
  /** Share of (destination, rx) that other traffic takes beside the stream, 0-1. */
  crowding: number;
}

/**
 * The rates of one phase of a migration. The guest's own traffic is where the guest is: before the switch it leaves
 * through (source, tx), after it it enters through (destination, rx); there it contends with the stream. `vmActivity`: how
 * much of its traffic it takes up meanwhile, 0-1.
 */
export function phaseRates(
  features: MigrationFeatures,
  parameters: Pick<ModelParameters, 'goodput' | 'reverseLoss'>,
  vmOn: VmPlace,
  vmActivity = 1,
): PhaseRates {
  const source = demandAtSource(features, vmOn);
  const destination = demandAtDestination(features, vmOn, vmActivity);
  // Acknowledgements are few: they wait only where their way back is nearly full.
  const reverseLoad = Math.max(0, 2 * features.reverseUtilisation - 1);
  const limit = features.streamLimitBitsPerSecond ?? Number.POSITIVE_INFINITY;
  const alone = Math.min(
    migrationShare(features.sourceTx, source.wanted),
    migrationShare(features.destinationRx, destination.wanted),
    limit,
  );
  return {
    streamBytesPerSecond: (alone * parameters.goodput * (1 - parameters.reverseLoss * reverseLoad)) / 8,
    lostSourceTxBitsPerSecond: lost(features.sourceTx, source, alone),
    lostDestinationRxBitsPerSecond: lost(features.destinationRx, destination, alone),
    crowding: workloadBeside(features.destinationRx, destination, alone) / features.destinationRx.capacityBitsPerSecond,
  };
}

/** `nowhere`: it stands still. */
type VmPlace = 'source' | 'destination' | 'nowhere';

/** `measured`: what it has had. `wanted`: what it takes if it is let. */
interface Demand {
  measured: number;
  wanted: number;
}

function demandAtSource({ sourceTx, vm }: MigrationFeatures, vmOn: VmPlace): Demand {
  const all = sourceTx.workloadBitsPerSecond;
  const full = all >= FULL_FROM * sourceTx.capacityBitsPerSecond;
  if (vmOn === 'source') return { measured: all, wanted: full ? sourceTx.capacityBitsPerSecond : all };
  const others = Math.max(0, all - vm.txBitsPerSecond);
  const taken = full
    ? Math.min(TAKEN_BY_OTHERS, others / all) * Math.max(0, sourceTx.capacityBitsPerSecond - others)
    : 0;
  return { measured: others, wanted: others + taken };
}

function demandAtDestination({ destinationRx, vm }: MigrationFeatures, vmOn: VmPlace, vmActivity: number): Demand {
  const own = vmOn === 'destination' ? vmActivity * vm.rxBitsPerSecond : 0;
  const all = destinationRx.workloadBitsPerSecond + own;
  const full = all >= FULL_FROM * destinationRx.capacityBitsPerSecond;
  return { measured: all, wanted: full ? destinationRx.capacityBitsPerSecond : all };
}

function migrationShare(link: LinkFeatures, workloadBitsPerSecond: number): number {
  const { capacityBitsPerSecond, reservation, otherMigrations } = link;
  const demand = { migrationBitsPerSecond: capacityBitsPerSecond, workloadBitsPerSecond };
  return shareLink(capacityBitsPerSecond, reservation, demand).migrationBitsPerSecond / (1 + otherMigrations);
}

function lost(link: LinkFeatures, demand: Demand, stream: number): number {
  const wasThere = Math.min(demand.measured, link.capacityBitsPerSecond);
  return Math.max(0, wasThere - workloadBeside(link, demand, stream));
}

function workloadBeside(
  { capacityBitsPerSecond, reservation, otherMigrations }: LinkFeatures,
  { wanted }: Demand,
  stream: number,
): number {
  const demand = { migrationBitsPerSecond: stream * (1 + otherMigrations), workloadBitsPerSecond: wanted };
  return shareLink(capacityBitsPerSecond, reservation, demand).workloadBitsPerSecond;
}
