import { describe, expect, it } from 'vitest';
import { exposition } from '../../../../hostd/api/exposition.ts';
import { type MetricsInput, renderMetrics } from '../../../../hostd/api/metrics.ts';
import { EMPTY_TALLY, tallyEnded } from '../../../../hostd/api/tally.ts';
import type { Lease, MigrationView, VmSample } from '../../../../hostd/contract.ts';
import { readExposition } from './read-exposition.ts';

const vm = (index: number): VmSample => ({
  vmUuid: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
  domain: `instance-${index}`,
  taps: [],
  memoryBytes: 1024 * (index + 1),
  residentBytes: index % 2 === 0 ? 512 * (index + 1) : null,
  txBitsPerSecond: 8,
  rxBitsPerSecond: 16,
  localTrafficIncluded: false,
  dirtyBytesPerSecond: index % 2 === 0 ? 5 : null,
  dirtyWindows: [],
  postCopyBlockers: [],
});

function input(vms: number, changes: Partial<MetricsInput> = {}): MetricsInput {
  return {
    version: '1.2.3',
    info: {
      host: 'here',
      nic: 'nic0"\\\n',
      linkBitsPerSecond: 8e9,
      shapeableBitsPerSecond: 7e9,
      migrationAddress: '10.0.0.1',
      counting: { method: 'nftables', reason: '' },
      clock: { synchronised: true, maxErrorMs: 250 },
      postCopy: { permitted: true, reason: '' },
      maxConcurrentLiveMigrations: 1,
      novaTimeout: { secondsPerGibibyte: 800, action: 'abort' },
      libvirtVersion: '11.3.0',
      qemuVersion: '10.0.2',
    },
    sample: {
      host: 'here',
      nowMs: 1,
      ageMs: 500,
      windowMs: 5000,
      nic: {
        txBitsPerSecond: 800,
        rxBitsPerSecond: 80,
        migrationTxBitsPerSecond: 400,
        migrationRxBitsPerSecond: 0,
        controlTxBitsPerSecond: 80,
        controlRxBitsPerSecond: 8,
        workloadTxBitsPerSecond: 320,
        workloadRxBitsPerSecond: 72,
      },
      reserved: {
        tx: {
          migration: { rateBitsPerSecond: 80, ceilBitsPerSecond: 800, prio: 1 },
          workload: { rateBitsPerSecond: 8, ceilBitsPerSecond: 16, prio: 2 },
        },
        rx: null,
      },
      vms: Array.from({ length: vms }, (_, index) => vm(index)),
    },
    nicBytes: { txBytes: 12_345_678_901_234, rxBytes: 5 },
    leases: [{ priority: 'high' }, { priority: 'high' }, { priority: 'low' }] as Lease[],
    fence: 9,
    migrations: [],
    tally: EMPTY_TALLY,
    problems: [
      { part: 'libvirt', present: true },
      { part: 'counters', present: false },
    ],
    server: {
      answers: new Map([['GET /v1/host 200', 3]]),
      refusedHandshakes: 4,
      refusedConnections: 0,
      streams: 1,
      streamsCutOff: 0,
    },
    suppressedLogLines: 7,
    certificateExpiresAtSeconds: 2e9,
    process: { cpuSeconds: 1.5, residentBytes: 7e7, startedAtSeconds: 1.7e9, openFiles: 30 },
    ...changes,
  };
}

const read = (from: MetricsInput) => readExposition(renderMetrics(from));
const samples = (from: MetricsInput, name: string) => read(from).get(`drover_hostd_${name}`)?.samples ?? [];

describe('renderMetrics', () => {
  it('tells rates in bytes per second, by class and direction', () => {
    expect(
      samples(input(0), 'nic_bytes_per_second').map(({ labels, value }) => [...Object.values(labels), value]),
    ).toEqual([
      ['tx', 'migration', 50],
      ['tx', 'control', 10],
      ['tx', 'workload', 40],
      ['rx', 'migration', 0],
      ['rx', 'control', 1],
      ['rx', 'workload', 9],
    ]);
    expect(samples(input(0), 'nic_bytes_total').map(({ value }) => value)).toEqual([12_345_678_901_234, 5]);
  });

  it('tells the classes that stand, and nothing where none does', () => {
    const told = (name: string) =>
      samples(input(0), name).map(({ labels, value }) => [...Object.values(labels), value]);
    expect(told('class_rate_bytes_per_second')).toEqual([
      ['tx', 'migration', 10],
      ['tx', 'workload', 1],
    ]);
    expect(told('class_ceil_bytes_per_second')).toEqual([
      ['tx', 'migration', 100],
      ['tx', 'workload', 2],
    ]);
  });

  it('tells leases, problems, clock and answers', () => {
    expect(samples(input(0), 'leases').map(({ labels, value }) => [labels.priority, value])).toEqual([
      ['high', 2],
      ['medium', 0],
      ['low', 1],
    ]);
    expect(samples(input(0), 'problem').map(({ labels, value }) => [labels.part, value])).toEqual([
      ['libvirt', 1],
      ['counters', 0],
    ]);
    expect(samples(input(0), 'clock_max_error_seconds')[0]?.value).toBe(0.25);
    expect(samples(input(0), 'answers_total')[0]).toMatchObject({
      labels: { method: 'GET', route: '/v1/host', status: '200' },
      value: 3,
    });
  });

  it('keeps migrations by status, and the durations of those that ended', () => {
    const base = { vmUuid: 'a', role: 'source', status: 'active', startedAtMs: 0, endedAtMs: null } as MigrationView;
    const ended = { ...base, vmUuid: 'b', status: 'completed', endedAtMs: 4200 } as MigrationView;
    const migrations = [base, { ...base, vmUuid: 'c' }, ended];
    const from = input(0, { migrations, tally: tallyEnded(EMPTY_TALLY, migrations) });
    expect(samples(from, 'migrations')).toMatchObject([{ labels: { role: 'source', status: 'active' }, value: 2 }]);
    expect(samples(from, 'migrations_ended_total')).toMatchObject([{ labels: { status: 'completed' }, value: 1 }]);
    const duration = samples(from, 'migration_duration_seconds');
    expect(duration.find(({ name }) => name.endsWith('_sum'))?.value).toBe(4.2);
    expect(duration.find(({ labels }) => labels.le === '2')?.value).toBe(0);
    expect(duration.find(({ labels }) => labels.le === '5')?.value).toBe(1);
  });

  it('tells of 1,000 VMs and counts the rest, the same ones each time', () => {
    const from = input(1500);
    expect(samples(from, 'vms')[0]?.value).toBe(1500);
    expect(samples(from, 'vms_left_out')[0]?.value).toBe(500);
    const told = samples(from, 'vm_memory_bytes').map(({ labels }) => labels.vm);
    expect(told).toHaveLength(1000);
    const turned = { ...from, sample: from.sample && { ...from.sample, vms: from.sample.vms.toReversed() } };
    expect(samples(turned, 'vm_memory_bytes').map(({ labels }) => labels.vm)).toEqual(told);
  });

  it('leaves out what is not known instead of telling zero', () => {
    const from = input(0, { sample: null, nicBytes: null, certificateExpiresAtSeconds: null });
    for (const name of ['nic_bytes_per_second', 'nic_bytes_total', 'sample_age_seconds'])
      expect(samples(from, name)).toEqual([]);
  });
});

describe('exposition', () => {
  it('escapes and bounds label values', () => {
    const hostile = '"} 1\nfake{a="\\';
    const family = (text: string) =>
      exposition([{ name: 'a', type: 'gauge', help: 'b\nc', samples: [{ labels: { text }, value: 1 }] }]);
    expect(readExposition(family(hostile)).get('a')?.samples).toMatchObject([{ labels: { text: hostile } }]);
    expect(readExposition(family('x'.repeat(5000))).get('a')?.samples[0]?.labels.text).toHaveLength(128);
    expect(family('\ud800')).toContain('\ufffd');
  });

  it.each([
    ['a 1\n', 'outside'],
    ['# HELP a b\n# TYPE a counter\na 1\n', '_total'],
    ['# HELP a b\n# TYPE a gauge\na 1\na 2\n', 'twice'],
    ['# HELP a b\n# TYPE a gauge\na{x="y} 1\n', 'labels'],
    ['# HELP a b\n# TYPE a gauge\na NaN\n', 'number'],
  ])("the tests' own reader takes no %j", (text, why) => {
    expect(() => readExposition(text)).toThrow(why);
  });
});
