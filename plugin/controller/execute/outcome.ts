import type { HostSample, MigrationView } from 'drover-hostd/contract';
import type { Outcome, WorkloadRates } from '../../contract.ts';
import type { ClockOffset } from '../../tracker/clock.ts';

/** One end of a migration: hostd's view, and how its clock stands to ours. */
export interface End {
  view: MigrationView | null;
  clock: ClockOffset;
}

/**
 * What a migration cost, from what both hosts' daemons saw. Downtime is the guest's blackout, source STOP to destination
 * RESUME; QEMU's own `downtime` field is not used, it is wrong for post-copy.
 */
export function measureOutcome(source: End, destination: End, workload: Outcome['workload']): Outcome {
  const { view } = source;
  const stoppedAtMs = view?.stoppedAtMs ?? null;
  const resumedAtMs = destination.view?.resumedAtMs ?? null;
  const downtimeMs =
    stoppedAtMs === null || resumedAtMs === null
      ? null
      : resumedAtMs + destination.clock.offsetMs - (stoppedAtMs + source.clock.offsetMs);
  const errorMs = destination.clock.errorMs + source.clock.errorMs;
  const began = view?.startedAtMs ?? view?.activeAtMs ?? null;
  return {
    totalMigrationTimeMs:
      view === null || began === null || view.endedAtMs === null ? null : Math.round(view.endedAtMs - began),
    downtimeMs: downtimeMs === null ? null : Math.max(0, Math.round(downtimeMs)),
    downtimeErrorMs: downtimeMs === null || !Number.isFinite(errorMs) ? null : Math.ceil(errorMs),
    transferredBytes: view === null ? null : view.memoryTransferredBytes,
    iterations: view === null ? null : view.iterations,
    postCopySeen: view !== null && view.postCopyAtMs !== null,
    workload,
  };
}

/** The traffic that a migration shares its two links with; null without samples. The VM may be seen on either host. */
export function workloadRates(
  vmUuid: string,
  source: HostSample | null,
  destination: HostSample | null,
): WorkloadRates | null {
  if (!source || !destination) return null;
  const onHost = [source, destination].flatMap((sample) =>
    sample.vms.filter((candidate) => candidate.vmUuid === vmUuid),
  );
  return {
    sourceTxBitsPerSecond: source.nic.workloadTxBitsPerSecond,
    destinationRxBitsPerSecond: destination.nic.workloadRxBitsPerSecond,
    vmTxBitsPerSecond: onHost.reduce((sum, vm) => sum + vm.txBitsPerSecond, 0),
    vmRxBitsPerSecond: onHost.reduce((sum, vm) => sum + vm.rxBitsPerSecond, 0),
  };
}

/** Running mean of the traffic while a migration runs. */
export class RatesMean {
  #count = 0;
  #sum: WorkloadRates | null = null;

  add(rates: WorkloadRates): void {
    this.#sum = this.#sum === null ? rates : combine(this.#sum, rates, (sum, rate) => sum + rate);
    this.#count += 1;
  }

  value(): WorkloadRates | null {
    const count = this.#count;
    return this.#sum === null ? null : combine(this.#sum, this.#sum, (sum) => sum / count);
  }
}

function combine(a: WorkloadRates, b: WorkloadRates, apply: (a: number, b: number) => number): WorkloadRates {
  return {
    sourceTxBitsPerSecond: apply(a.sourceTxBitsPerSecond, b.sourceTxBitsPerSecond),
    destinationRxBitsPerSecond: apply(a.destinationRxBitsPerSecond, b.destinationRxBitsPerSecond),
    vmTxBitsPerSecond: apply(a.vmTxBitsPerSecond, b.vmTxBitsPerSecond),
    vmRxBitsPerSecond: apply(a.vmRxBitsPerSecond, b.vmRxBitsPerSecond),
  };
}
