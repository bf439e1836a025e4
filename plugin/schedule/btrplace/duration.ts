/** What a VM's memory does, as BtrPlace's mVM describes it. */
export interface VmMemory {
  memoryMegabytes: number;
  /** Pages written again and again: how many, and in what time. */
  hotMegabytes: number;
  hotSeconds: number;
  /** Pages written now and then, MB/s. */
  coldMegabytesPerSecond: number;
}

/** mVM counts 9 bits on the wire for a byte of memory. */
export const BITS_A_BYTE = 9;

/**
 * How long mVM lets a pre-copy migration take at a rate, in whole seconds; infinite if it dirties memory faster than
 * the rate carries it away (Kherbache, Madelaine & Hermenier, IEEE TCC 2017).
 *
 * | MB | Mbit/s | hot MB in s | cold MB/s | s |
 * |---|---|---|---|---|
 * | 2000 | 1000 | 5 in 3 | 0 | 18 |
 * | 4000 | 1000 | 96 in 2 | 3 | 38 |
 */
export function mvmSeconds(vm: VmMemory, mbitPerSecond: number): number {
  const rate = mbitPerSecond / BITS_A_BYTE;
  const hotRate = vm.hotMegabytes > 0 ? vm.hotMegabytes / vm.hotSeconds : 0;
  const once = vm.memoryMegabytes / rate;
  if (!(rate > hotRate)) return Number.POSITIVE_INFINITY;
  if (!(once > vm.hotSeconds)) return atLeastOne(once + (hotRate * once) / (rate - hotRate));
  if (!(rate > vm.coldMegabytesPerSecond)) return Number.POSITIVE_INFINITY;
  const again =
    (vm.hotMegabytes + (once - vm.hotSeconds) * vm.coldMegabytesPerSecond) / (rate - vm.coldMegabytesPerSecond);
  return atLeastOne(once + again + ((vm.hotMegabytes / rate) * hotRate) / (rate - hotRate));
}

function atLeastOne(seconds: number): number {
  return Math.max(1, Math.round(seconds));
}
