import type { HostInfo, HostSample, NicRates, VmSample } from 'drover-hostd/contract';

/** What hostd would report where nothing else is said: a calm host on which all is permitted. */
export function ordinaryInfo(host: string, linkBitsPerSecond: number): HostInfo {
  return {
    host,
    nic: 'nic0',
    linkBitsPerSecond,
    shapeableBitsPerSecond: linkBitsPerSecond,
    migrationAddress: '',
    counting: { method: 'nftables', reason: '' },
    clock: { synchronised: true, maxErrorMs: 0 },
    postCopy: { permitted: true, reason: '' },
    maxConcurrentLiveMigrations: 0,
    novaTimeout: { secondsPerGibibyte: 0, action: 'abort' },
    libvirtVersion: '',
    qemuVersion: '',
  };
}

/** A NIC with workload traffic alone. */
export function workloadRates(txBitsPerSecond: number, rxBitsPerSecond: number): NicRates {
  return {
    txBitsPerSecond,
    rxBitsPerSecond,
    migrationTxBitsPerSecond: 0,
    migrationRxBitsPerSecond: 0,
    controlTxBitsPerSecond: 0,
    controlRxBitsPerSecond: 0,
    workloadTxBitsPerSecond: txBitsPerSecond,
    workloadRxBitsPerSecond: rxBitsPerSecond,
  };
}

export function ordinarySample(host: string, nowMs: number, nic: NicRates, vms: VmSample[]): HostSample {
  return { host, nowMs, ageMs: 0, windowMs: 5000, nic, reserved: { tx: null, rx: null }, vms };
}

/** A guest that does nothing, of whose memory nothing was measured. */
export function ordinaryVm(vmUuid: string, domain: string, memoryBytes: number): VmSample {
  return {
    vmUuid,
    domain,
    taps: [],
    memoryBytes,
    residentBytes: null,
    txBitsPerSecond: 0,
    rxBitsPerSecond: 0,
    localTrafficIncluded: false,
    dirtyBytesPerSecond: null,
    dirtyWindows: [],
    postCopyBlockers: [],
  };
}
