import type { Ask, AskedVm } from '../../../bot/asks/ask.ts';
import type { Decision, MigrationRecord, Prediction, ProgressReport } from '../../../plugin/contract.ts';

/** 2026-11-24 16:30 UTC. */
export const NOW_MS = Date.UTC(2026, 10, 24, 16, 30);

const figure = (value: number) => ({ value, low: value * 0.8, high: value * 1.3 });

export function prediction(changes: Partial<Prediction> = {}): Prediction {
  return {
    totalMigrationTimeMs: figure(4800),
    downtimeMs: figure(60),
    longestStallMs: figure(400),
    bytes: figure(2 ** 30),
    iterations: 3,
    iterationsBetween: { low: 2, high: 5 },
    lostBits: { sourceTx: 180e6, destinationRx: 0, vm: 0 },
    lostBitsBetween: null,
    ends: 'completed',
    ...changes,
  };
}

export function decision(changes: Partial<Decision> = {}): Decision {
  return {
    priority: 'high',
    priorityReason: { code: 'priority-asked', text: 'asked for' },
    classification: { utilisation: 0.42, contention: 'moderate', scenario: 'out-in', cluster: 'outbound' },
    technique: 'post-copy',
    strategy: 'parallel',
    reasons: [{ code: 'predicted-cheapest', text: 'post-copy is predicted to cost least' }],
    alternatives: [
      { technique: 'pre-copy', reason: { code: 'never-ends', text: 'it does not converge' }, prediction: null },
    ],
    strategyAlternatives: [
      { strategy: 'serial', reason: { code: 'no-row', text: 'no row that matches names serial' } },
    ],
    reservation: { sourceTx: null, destinationRx: null },
    reservationChoices: {
      sourceTx: { reason: { code: 'workload-lower', text: 'the workload keeps its lower limit' }, alternatives: [] },
      destinationRx: null,
    },
    maxDowntimeMs: 300,
    prediction: prediction(),
    features: null,
    policy: 'default.yaml@3f9c2b1a',
    ...changes,
  };
}

export function record(vmName: string, changes: Partial<MigrationRecord> = {}): MigrationRecord {
  return {
    id: 42,
    vmUuid: '11111111-2222-4333-8444-555555555555',
    vmName,
    projectId: 'p1',
    userId: 'u1',
    source: 'compute-1',
    destination: 'compute-2',
    novaMigrationId: 7,
    novaMigrationUuid: null,
    deferred: false,
    state: 'running',
    stateReason: null,
    receivedAtMs: NOW_MS - 20_000,
    submittedAtMs: NOW_MS - 10_000,
    endedAtMs: null,
    decision: decision(),
    progress: { remainingBytes: 400e6, totalBytes: 1e9, iteration: 2, transferBitsPerSecond: 412e6 },
    outcome: null,
    planned: {
      startAtMs: NOW_MS - 10_000,
      endAtMs: { value: NOW_MS + 14_000, low: NOW_MS + 10_000, high: NOW_MS + 20_000 },
      reason: null,
    },
    asked: null,
    ...changes,
  };
}

export function completed(vmName: string, changes: Partial<MigrationRecord> = {}): MigrationRecord {
  const rates = (bitsPerSecond: number) => ({
    sourceTxBitsPerSecond: bitsPerSecond,
    destinationRxBitsPerSecond: 0,
    vmTxBitsPerSecond: 0,
    vmRxBitsPerSecond: 0,
  });
  return record(vmName, {
    state: 'completed',
    endedAtMs: NOW_MS - 1000,
    progress: null,
    planned: null,
    outcome: {
      totalMigrationTimeMs: 5200,
      downtimeMs: 71,
      downtimeErrorMs: 1,
      transferredBytes: 1.2 * 2 ** 30,
      iterations: 3,
      postCopySeen: true,
      workload: { before: rates(100e6), during: rates(60e6), after: rates(100e6) },
    },
    ...changes,
  });
}

export function askedVm(name: string, changes: Partial<AskedVm> = {}): AskedVm {
  const vm = {
    id: '11111111-2222-4333-8444-555555555555',
    name,
    projectId: 'p1',
    host: 'compute-1',
    submission: 'accepted' as const,
    refusal: null,
    migration: record(name),
    cancel: null,
    raise: null,
    toldEvent: 0,
    progress: null,
    ...changes,
  };
  return vm;
}

export function ask(changes: Partial<Ask> = {}): Ask {
  return {
    id: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee',
    kind: 'migrate',
    text: 'high web-1',
    wish: {
      kind: 'migrate',
      targets: [{ pattern: 'web-1', isGlob: false }],
      priority: 'high',
      destination: null,
      deadlineAtMs: null,
      startAtMs: null,
    },
    askedBy: 'U0ASKER01',
    channel: 'C0OPS0001',
    askedAtMs: NOW_MS - 20_000,
    state: 'following',
    stateText: null,
    choices: [],
    approval: null,
    vms: [askedVm('web-1')],
    endedAtMs: null,
    messageChannel: 'C0OPS0001',
    messageTs: '1.1',
    ...changes,
  };
}

export function progress(changes: Partial<ProgressReport> = {}): ProgressReport {
  return {
    migrationId: 42,
    state: 'running',
    remainingBytes: 400e6,
    totalBytes: 1e9,
    iteration: 2,
    transferBitsPerSecond: 412e6,
    ...changes,
  };
}
