import type { HostInfo, HostSample } from 'drover-hostd/contract';
import type { Classification, Cluster, Contention, Reason, Scenario } from '../contract.ts';
import type { Policy } from '../policy/schema.ts';
import { fuzzyClusterOf, nameOf } from './cluster.ts';

/** A host with a usable sample. */
export interface MeasuredHost {
  info: Pick<HostInfo, 'host' | 'linkBitsPerSecond'>;
  sample: Pick<HostSample, 'nic'>;
}

export interface VmRates {
  txBitsPerSecond: number;
  rxBitsPerSecond: number;
}

export interface ClassifyInput {
  policy: Pick<Policy, 'contention' | 'clusters'>;
  source: MeasuredHost;
  /** Exactly one if the destination is known; otherwise those that it may become, at least one. */
  destinations: readonly MeasuredHost[];
  destinationKnown: boolean;
  vm: VmRates;
  /** All VMs of the source, this one among them: what fuzzy clustering compares it with. */
  vmsOfSource: readonly VmRates[];
  /** Levels of the two links at the last decision; null if there was none. The destination's by host name. */
  previous: { sourceTx: Contention | null; destinationRx: (host: string) => Contention | null };
}

const LEVELS: readonly Contention[] = ['low', 'moderate', 'high'];

/**
 * What the traffic says of a VM on its way from source to destination (Algorithm 1's inputs).
 *
 * | source tx | destination rx | before | contention |
 * |-----------|----------------|--------|------------|
 * | 10 %      | 39 %           | low    | low        |
 * | 10 %      | 40 %           | low    | moderate   |
 * | 36 %      | 10 %           | moderate | moderate (until below 35 %) |
 * | 71 %      | 10 %           | low    | high       |
 */
export function classify(input: ClassifyInput): { classification: Classification; reasons: Reason[] } {
  const { policy, source, previous, vm } = input;
  const destination = worstOf(input.destinations);
  const sourceUse = utilisation(source, 'tx');
  const destinationUse = utilisation(destination, 'rx');
  const contention = higherOf(
    contentionLevel(policy.contention, sourceUse, previous.sourceTx),
    contentionLevel(policy.contention, destinationUse, previous.destinationRx(destination.info.host)),
  );
  const scenario: Scenario = `${direction(source)}-${direction(destination)}`;
  const { cluster, how } = clusterOf(input);

  const reasons: Reason[] = [];
  if (!input.destinationKnown) {
    const text = `Nova has not chosen a destination yet: judged by ${destination.info.host}, the busiest of ${input.destinations.length} candidate(s)`;
    reasons.push({ code: 'destination-unknown', text });
  }
  const text =
    `${contention} contention (${source.info.host} tx ${percent(sourceUse)}, ${destination.info.host} rx ${percent(destinationUse)}), ` +
    `scenario ${scenario}, VM ${cluster} (tx ${mbit(vm.txBitsPerSecond)}, rx ${mbit(vm.rxBitsPerSecond)}${how})`;
  reasons.push({ code: 'classified', text });
  return {
    classification: { utilisation: Math.max(sourceUse, destinationUse), contention, scenario, cluster },
    reasons,
  };
}

/** Level of one link, 0-1. Upwards at the threshold, downwards only `hysteresis` below it. */
export function contentionLevel(
  { moderate, high, hysteresis }: Policy['contention'],
  use: number,
  previous: Contention | null,
): Contention {
  const before = previous === null ? 0 : LEVELS.indexOf(previous);
  if (use >= high - (before >= 2 ? hysteresis : 0)) return 'high';
  if (use >= moderate - (before >= 1 ? hysteresis : 0)) return 'moderate';
  return 'low';
}

/** Workload's share of one direction of the host's NIC; 0 and above. */
export function utilisation({ info, sample }: MeasuredHost, direction: 'tx' | 'rx'): number {
  const { workloadTxBitsPerSecond, workloadRxBitsPerSecond } = sample.nic;
  return (direction === 'tx' ? workloadTxBitsPerSecond : workloadRxBitsPerSecond) / info.linkBitsPerSecond;
}

/** Design: inbound if rx > tx, outbound if tx > rx, idle if both are below the share; or by fuzzy c-means. */
function clusterOf({ policy, source, vm, vmsOfSource }: ClassifyInput): { cluster: Cluster; how: string } {
  const { idle, fuzzy } = policy.clusters;
  const link = source.info.linkBitsPerSecond;
  const share = ({ txBitsPerSecond, rxBitsPerSecond }: VmRates) => ({
    tx: txBitsPerSecond / link,
    rx: rxBitsPerSecond / link,
  });
  const own = vmsOfSource.indexOf(vm);
  if (!fuzzy || own < 0) return { cluster: nameOf(share(vm), idle), how: '' };
  const { cluster, membership } = fuzzyClusterOf(vmsOfSource.map(share), own, idle, fuzzy);
  return { cluster, how: `; ${Math.round(100 * membership)} % by fuzzy c-means` };
}

function direction({ sample: { nic } }: MeasuredHost): 'in' | 'out' {
  return nic.workloadRxBitsPerSecond > nic.workloadTxBitsPerSecond ? 'in' : 'out';
}

/** The candidate with the fullest rx link; of equals the first by name. */
function worstOf(destinations: readonly MeasuredHost[]): MeasuredHost {
  const [worst] = [...destinations].sort(
    (a, b) => utilisation(b, 'rx') - utilisation(a, 'rx') || (a.info.host < b.info.host ? -1 : 1),
  );
  if (!worst) throw new RangeError('classify needs at least one destination');
  return worst;
}

function higherOf(a: Contention, b: Contention): Contention {
  return LEVELS.indexOf(a) >= LEVELS.indexOf(b) ? a : b;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function mbit(bitsPerSecond: number): string {
  return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
}
