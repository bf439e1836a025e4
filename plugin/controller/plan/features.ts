import type { LinkReservation, VmSample } from 'drover-hostd/contract';
import { workloadDemand } from '../../bandwidth/reserve.ts';
import type { Decision } from '../../contract.ts';
import type { LinkFeatures, MigrationFeatures } from '../../model/features.ts';
import { novaTimeoutMs } from '../../model/timeout.ts';
import type { Policy } from '../../policy/schema.ts';
import {
  destinationsOf,
  freshHost,
  linkKey,
  linksOf,
  type QueuedMigration,
  type SampledHost,
  vmSample,
  type World,
} from './world.ts';

/**
 * What a prediction for this migration is made from, or null where a fresh sample of the source with the VM, or of any
 * destination, is missing. Where Nova has not chosen yet, the candidate with the fullest (host, rx) stands for all.
 */
export function featuresOf(
  world: World,
  policy: Policy,
  migration: QueuedMigration,
  reservation: Decision['reservation'],
): { features: MigrationFeatures; destination: string } | null {
  const source = freshHost(world, policy, migration.source);
  const vm = vmSample(source, migration.vmUuid);
  const [destination] = destinationsOf(world, migration)
    .flatMap((name) => freshHost(world, policy, name) ?? [])
    .sort((a, b) => rxShare(b) - rxShare(a) || (a.info.host < b.info.host ? -1 : 1));
  if (!source || !vm || !destination) return null;
  const link = (host: SampledHost, direction: 'tx' | 'rx', reserved: LinkReservation | null): LinkFeatures => ({
    capacityBitsPerSecond: host.info.shapeableBitsPerSecond,
    // A workload that wants all it may have (Infinity) wants the link.
    workloadBitsPerSecond: Math.min(workloadOn(host, direction), host.info.linkBitsPerSecond),
    reservation: reserved,
    otherMigrations: world.inFlight.filter(
      (each) => each.id !== migration.id && linksOf(each).includes(linkKey(host.info.host, direction)),
    ).length,
  });
  if (!(source.info.shapeableBitsPerSecond > 0 && destination.info.shapeableBitsPerSecond > 0)) return null;
  const memoryBytes = Math.max(1, vm.memoryBytes || migration.server.memoryBytes);
  return {
    destination: destination.info.host,
    features: {
      memoryBytes,
      usedBytes: vm.residentBytes === null ? null : Math.min(memoryBytes, vm.residentBytes),
      dirtyWindows: vm.dirtyWindows.map(({ windowMs, bytesPerSecond }) => ({ windowMs, bytesPerSecond })),
      sourceTx: link(source, 'tx', reservation.sourceTx),
      destinationRx: link(destination, 'rx', reservation.destinationRx),
      reverseUtilisation: Math.min(1, destination.sample.nic.txBitsPerSecond / destination.info.linkBitsPerSecond),
      vm: { txBitsPerSecond: vm.txBitsPerSecond, rxBitsPerSecond: vm.rxBitsPerSecond },
      downtimeLimitMs: policy.downtimeMs,
      ...novaTimeout(source, vm, migration.server.memoryBytes || vm.memoryBytes),
      streamLimitBitsPerSecond: null,
    },
  };
}

/** Nova's own clock for it. Where post-copy is not permitted Nova's force_complete pauses the guest instead. */
function novaTimeout({ info }: SampledHost, { postCopyBlockers }: VmSample, flavorMemoryBytes: number) {
  const { secondsPerGibibyte, action } = info.novaTimeout;
  const forced = info.postCopy.permitted && postCopyBlockers.length === 0 ? 'post-copy' : 'pause';
  return {
    timeoutMs: novaTimeoutMs(secondsPerGibibyte, flavorMemoryBytes),
    timeoutAction: action === 'abort' ? action : forced,
  } as const;
}

/** What the workload would take: under a reservation that stands already its measured rate says too little. */
export function workloadOn(host: SampledHost, direction: 'tx' | 'rx'): number {
  const { nic, reserved } = host.sample;
  const measured = direction === 'tx' ? nic.workloadTxBitsPerSecond : nic.workloadRxBitsPerSecond;
  const standing = reserved[direction];
  return standing === null
    ? measured
    : Math.max(measured, workloadDemand(measured, standing.workload.rateBitsPerSecond));
}

function rxShare({ info, sample }: SampledHost): number {
  return sample.nic.workloadRxBitsPerSecond / info.linkBitsPerSecond;
}
