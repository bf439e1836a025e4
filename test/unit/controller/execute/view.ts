import type { MigrationView } from 'drover-hostd/contract';

/** What hostd on the source tells of a migration whose first pass has begun. */
export const SOURCE: MigrationView = {
  vmUuid: '6f1c3d0e-7d7f-4d57-8f67-2f1f5a3f9c11',
  domain: 'instance-00000001',
  role: 'source',
  status: 'active',
  startedAtMs: 1000,
  activeAtMs: 1100,
  postCopyAtMs: null,
  postCopyPausedAtMs: null,
  stoppedAtMs: null,
  resumedAtMs: null,
  endedAtMs: null,
  passes: [{ pass: 1, atMs: 1100 }],
  iterations: 1,
  memoryTotalBytes: 1,
  memoryRemainingBytes: 1,
  memoryTransferredBytes: 0,
  transferBitsPerSecond: 0,
  dirtyBytesPerSecond: 0,
  postCopyRequests: 0,
  longestPageFaultMs: null,
};
