import type { VmSample } from 'drover-hostd/contract';
import { type DirtyReadings, steadyWindows, withReadings } from './dirty.ts';

/** A VM that no host has shown for this time is forgotten: one that migrates is on neither for a moment. */
const FORGOTTEN_AFTER_MS = 600_000;

interface Known {
  readings: DirtyReadings;
  windows: VmSample['dirtyWindows'];
  seenAtMs: number;
}

/** Remembers the dirty rates of VMs, which hostd forgets when they leave its host, and steadies each by those before. */
export class SteadyRates {
  readonly #known = new Map<string, Known>();

  /** The VMs of a sample with steadied dirty rates. `nowMs`: Unix time. */
  steady(vms: readonly VmSample[], nowMs: number): VmSample[] {
    for (const [vmUuid, { seenAtMs }] of this.#known) {
      if (nowMs - seenAtMs > FORGOTTEN_AFTER_MS) this.#known.delete(vmUuid);
    }
    return vms.map((vm) => this.#steadied(vm, nowMs));
  }

  #steadied(vm: VmSample, nowMs: number): VmSample {
    const known = this.#known.get(vm.vmUuid);
    const readings = withReadings(known?.readings ?? [], vm.dirtyWindows);
    const windows = known?.readings === readings ? known.windows : steadyWindows(readings, vm.memoryBytes);
    this.#known.set(vm.vmUuid, { readings, windows, seenAtMs: nowMs });
    if (windows.length === 0) return vm;
    const dirtyBytesPerSecond = Math.max(...windows.map(({ bytesPerSecond }) => bytesPerSecond));
    return { ...vm, dirtyWindows: windows, dirtyBytesPerSecond };
  }
}
