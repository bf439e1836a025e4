import type { MigrationView } from 'drover-hostd/contract';
import { describe, expect, it } from 'vitest';
import { measureOutcome, RatesMean } from '../../../../plugin/controller/execute/outcome.ts';

const NONE = { before: null, during: null, after: null };
const VIEW: MigrationView = {
  vmUuid: '6f1c3d0e-7d7f-4d57-8f67-2f1f5a3f9c11',
  domain: 'instance-00000001',
  role: 'source',
  status: 'completed',
  startedAtMs: 10_000,
  activeAtMs: 10_100,
  postCopyAtMs: 11_000,
  postCopyPausedAtMs: null,
  stoppedAtMs: 10_990,
  resumedAtMs: null,
  endedAtMs: 14_000,
  passes: [],
  iterations: 2,
  memoryTotalBytes: 1000,
  memoryRemainingBytes: 0,
  memoryTransferredBytes: 1200,
  transferBitsPerSecond: 0,
  dirtyBytesPerSecond: 0,
  postCopyRequests: 0,
  longestPageFaultMs: null,
};

describe('measureOutcome', () => {
  it('takes downtime from STOP on the source to RESUME on the destination, on one clock', () => {
    const source = { view: VIEW, clock: { offsetMs: 5, errorMs: 1.2 } };
    const destination = {
      view: { ...VIEW, role: 'destination' as const, resumedAtMs: 9050 },
      clock: { offsetMs: 2000, errorMs: 2 },
    };
    expect(measureOutcome(source, destination, NONE)).toMatchObject({
      totalMigrationTimeMs: 4000,
      downtimeMs: 55,
      downtimeErrorMs: 4,
      transferredBytes: 1200,
      iterations: 2,
      postCopySeen: true,
    });
  });

  it('says null for what nobody saw', () => {
    const nothing = { view: null, clock: { offsetMs: 0, errorMs: 0 } };
    expect(measureOutcome(nothing, nothing, NONE)).toEqual({
      totalMigrationTimeMs: null,
      downtimeMs: null,
      downtimeErrorMs: null,
      transferredBytes: null,
      iterations: null,
      postCopySeen: false,
      workload: NONE,
    });
  });
});

describe('RatesMean', () => {
  it('is the mean of what was added, null before that', () => {
    const mean = new RatesMean();
    expect(mean.value()).toBeNull();
    for (const rate of [100, 200, 600]) {
      mean.add({
        sourceTxBitsPerSecond: rate,
        destinationRxBitsPerSecond: 2 * rate,
        vmTxBitsPerSecond: 0,
        vmRxBitsPerSecond: rate,
      });
    }
    expect(mean.value()).toEqual({
      sourceTxBitsPerSecond: 300,
      destinationRxBitsPerSecond: 600,
      vmTxBitsPerSecond: 0,
      vmRxBitsPerSecond: 300,
    });
  });
});
