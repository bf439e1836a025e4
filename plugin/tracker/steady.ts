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
  #tidiedAtMs = 0;

  /** The VMs of a sample with steadied dirty rates. `nowMs`: Unix time. */
  steady(vms: readonly VmSample[], nowMs: number): VmSample[] {
    // Not at each sample of each host, of which there are many a second.
    if (nowMs - this.#tidiedAtMs > FORGOTTEN_AFTER_MS) this.#tidy(nowMs);
    return vms.map((vm) => this.#steadied(vm, nowMs));
  }

  #tidy(nowMs: number): void {
    this.#tidiedAtMs = nowMs;
    for (const [vmUuid, known] of this.#known) if (isForgotten(known, nowMs)) this.#known.delete(vmUuid);
  }

  #steadied(vm: VmSample, nowMs: number): VmSample {
    const before = this.#known.get(vm.vmUuid);
    const known = before && !isForgotten(before, nowMs) ? before : undefined;
    const readings = withReadings(known?.readings ?? [], vm.dirtyWindows);
    const windows = known?.readings === readings ? known.windows : steadyWindows(readings, vm.memoryBytes);
    this.#known.set(vm.vmUuid, { readings, windows, seenAtMs: nowMs });
    if (windows.length === 0) return vm;
    const dirtyBytesPerSecond = Math.max(...windows.map(({ bytesPerSecond }) => bytesPerSecond));
    return { ...vm, dirtyWindows: windows, dirtyBytesPerSecond };
  }
}

function isForgotten({ seenAtMs }: Known, nowMs: number): boolean {
  return nowMs - seenAtMs > FORGOTTEN_AFTER_MS;
}
