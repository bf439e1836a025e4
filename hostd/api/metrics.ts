/** What GET /metrics tells. Rates are bytes per second here, for Prometheus wants base units; the contract's are bit/s. */
import type { HostInfo, HostSample, Lease, MigrationView, NicRates } from '../contract.ts';
import { exposition, type Family, type Histogram } from './exposition.ts';
import type { ServerFigures } from './server.ts';
import { DURATION_BOUNDS_SECONDS, type Tally } from './tally.ts';

export interface MetricsInput {
  version: string;
  info: HostInfo;
  /** Null while no counters can be read. */
  sample: HostSample | null;
  /** Bytes since the NIC came up, of the kernel; null where it is gone. */
  nicBytes: { txBytes: number; rxBytes: number } | null;
  leases: readonly Lease[];
  fence: number;
  migrations: readonly MigrationView[];
  tally: Tally;
  /** Every part that can have a problem, and whether it has one now. */
  problems: readonly { part: string; present: boolean }[];
  server: ServerFigures;
  suppressedLogLines: number;
  /** Unix seconds of the end of hostd's own certificate; null if it cannot be read. */
  certificateExpiresAtSeconds: number | null;
  process: { cpuSeconds: number; residentBytes: number; startedAtSeconds: number; openFiles: number };
}

/** More VMs than this are left out, and counted. */
const MAX_VMS = 1000;
const PREFIX = 'drover_hostd';
const CLASSES = ['migration', 'control', 'workload'] as const;
const DIRECTIONS = ['tx', 'rx'] as const;
const ENDED: readonly MigrationView['status'][] = ['completed', 'failed', 'cancelled'];

export function renderMetrics(input: MetricsInput): string {
  return exposition([...hostFamilies(input), ...vmFamilies(input), ...migrationFamilies(input), ...ownFamilies(input)]);
}

function gauge(name: string, help: string, samples: Family['samples'] | number): Family {
  return { name: `${PREFIX}_${name}`, type: 'gauge', help, samples: list(samples) };
}

function counter(name: string, help: string, samples: Family['samples'] | number): Family {
  return { name: `${PREFIX}_${name}_total`, type: 'counter', help, samples: list(samples) };
}

function list(samples: Family['samples'] | number): Family['samples'] {
  return typeof samples === 'number' ? [{ value: samples }] : samples;
}

function hostFamilies({ info, sample, nicBytes, leases, fence }: MetricsInput): Family[] {
  const both = (value: (direction: 'tx' | 'rx') => number) =>
    DIRECTIONS.map((direction) => ({ labels: { direction }, value: value(direction) }));
  return [
    gauge('link_bytes_per_second', 'Physical rate of one direction of the NIC.', info.linkBitsPerSecond / 8),
    gauge(
      'shapeable_bytes_per_second',
      'What migration and workload may share of one direction.',
      info.shapeableBitsPerSecond / 8,
    ),
    counter(
      'nic_bytes',
      'Bytes over the NIC, as the kernel counts them.',
      nicBytes === null ? [] : both((direction) => nicBytes[`${direction}Bytes`]),
    ),
    gauge(
      'nic_bytes_per_second',
      'Mean rate over the window, by class of traffic.',
      sample === null ? [] : classRates(sample.nic),
    ),
    ...(['rate', 'ceil'] as const).map((which) =>
      gauge(
        `class_${which}_bytes_per_second`,
        which === 'rate'
          ? 'Guarantee of a class that stands on the NIC.'
          : 'How far a class that stands on the NIC may borrow.',
        sample === null ? [] : reserved(sample.reserved, which),
      ),
    ),
    gauge(
      'sample_age_seconds',
      'Age of the newest reading of the counters.',
      sample === null ? [] : sample.ageMs / 1000,
    ),
    gauge('sample_window_seconds', 'What the rates are the mean of.', sample === null ? [] : sample.windowMs / 1000),
    gauge(
      'leases',
      'Leases that stand, by priority.',
      (['high', 'medium', 'low'] as const).map((priority) => ({
        labels: { priority },
        value: leases.filter((lease) => lease.priority === priority).length,
      })),
    ),
    gauge('lease_fence', 'Highest fencing number that was seen.', fence),
    gauge(
      'clock_synchronised',
      'Whether the kernel holds its clock for synchronised.',
      Number(info.clock.synchronised),
    ),
    gauge('clock_max_error_seconds', "The kernel's bound of its clock's error.", info.clock.maxErrorMs / 1000),
    gauge('post_copy_permitted', 'Whether Nova and the kernel permit post-copy here.', Number(info.postCopy.permitted)),
  ];
}

function reserved(links: HostSample['reserved'], which: 'rate' | 'ceil'): Family['samples'] {
  return DIRECTIONS.flatMap((direction) =>
    (['migration', 'workload'] as const).flatMap((name) => {
      const standing = links[direction]?.[name];
      if (standing === undefined) return [];
      return [{ labels: { direction, class: name }, value: standing[`${which}BitsPerSecond`] / 8 }];
    }),
  );
}

function classRates(nic: NicRates): Family['samples'] {
  return DIRECTIONS.flatMap((direction) =>
    CLASSES.map((name) => {
      const key = `${name}${direction === 'tx' ? 'Tx' : 'Rx'}BitsPerSecond` as const;
      return { labels: { direction, class: name }, value: nic[key] / 8 };
    }),
  );
}

function vmFamilies({ sample }: MetricsInput): Family[] {
  const all = sample?.vms ?? [];
  const vms = all.length > MAX_VMS ? all.toSorted((a, b) => (a.vmUuid < b.vmUuid ? -1 : 1)).slice(0, MAX_VMS) : all;
  return [
    gauge('vms', 'VMs on this host.', all.length),
    gauge('vms_left_out', `VMs beyond the ${MAX_VMS} that are told here.`, all.length - vms.length),
    gauge(
      'vm_bytes_per_second',
      'Mean rate of a VM over the NIC.',
      vms.flatMap(({ vmUuid, txBitsPerSecond, rxBitsPerSecond }) => [
        { labels: { vm: vmUuid, direction: 'tx' }, value: txBitsPerSecond / 8 },
        { labels: { vm: vmUuid, direction: 'rx' }, value: rxBitsPerSecond / 8 },
      ]),
    ),
    gauge(
      'vm_memory_bytes',
      'Memory of a VM.',
      vms.map(({ vmUuid, memoryBytes }) => ({ labels: { vm: vmUuid }, value: memoryBytes })),
    ),
    gauge(
      'vm_resident_bytes',
      "Resident memory of a VM's QEMU, where it was read.",
      vms.flatMap(({ vmUuid, residentBytes }) =>
        residentBytes === null ? [] : [{ labels: { vm: vmUuid }, value: residentBytes }],
      ),
    ),
    gauge(
      'vm_dirty_bytes_per_second',
      'Memory that a VM dirties, where it was measured.',
      vms.flatMap(({ vmUuid, dirtyBytesPerSecond }) =>
        dirtyBytesPerSecond === null ? [] : [{ labels: { vm: vmUuid }, value: dirtyBytesPerSecond }],
      ),
    ),
  ];
}

function migrationFamilies({ migrations, tally }: MetricsInput): (Family | Histogram)[] {
  const running = new Map<string, { labels: { role: string; status: string }; value: number }>();
  for (const { role, status } of migrations) {
    if (ENDED.includes(status)) continue;
    const sample = running.get(`${role} ${status}`) ?? { labels: { role, status }, value: 0 };
    sample.value += 1;
    running.set(`${role} ${status}`, sample);
  }
  const ended = [...tally.ended].map(([key, { count }]) => ({ labels: labelsOf(key), value: count }));
  return [
    gauge('migrations', 'Migrations that run from here (source) or to here (destination), by status.', [
      ...running.values(),
    ]),
    counter('migrations_ended', 'Migrations that ended since hostd started, by status.', ended),
    {
      name: `${PREFIX}_migration_duration_seconds`,
      type: 'histogram',
      help: 'From start to end of a migration as this host saw it.',
      samples: [...tally.ended].map(([key, { buckets, sumSeconds }]) => ({
        labels: labelsOf(key),
        bounds: DURATION_BOUNDS_SECONDS,
        counts: buckets,
        sum: sumSeconds,
      })),
    },
  ];
}

function labelsOf(key: string): { role: string; status: string } {
  const [role = '', status = ''] = key.split(' ');
  return { role, status };
}

function ownFamilies(input: MetricsInput): Family[] {
  const { server, process, certificateExpiresAtSeconds } = input;
  const { host, nic, counting, libvirtVersion, qemuVersion } = input.info;
  return [
    gauge('build_info', 'What runs here.', [
      {
        labels: {
          version: input.version,
          host,
          nic,
          counting: counting.method,
          libvirt: libvirtVersion,
          qemu: qemuVersion,
        },
        value: 1,
      },
    ]),
    gauge(
      'problem',
      'Whether a part of hostd has a problem; GET /healthz tells which.',
      input.problems.map(({ part, present }) => ({ labels: { part }, value: Number(present) })),
    ),
    counter(
      'answers',
      'Answers to calls, by route of the contract.',
      [...server.answers].map(([key, value]) => {
        const [method = '', route = '', status = ''] = key.split(' ');
        return { labels: { method, route, status }, value };
      }),
    ),
    counter('refused_handshakes', 'TLS handshakes that failed.', server.refusedHandshakes),
    counter('refused_connections', 'Connections beyond the limit of their address.', server.refusedConnections),
    gauge('event_streams', 'Streams of events that are open.', server.streams),
    counter('event_streams_cut_off', 'Streams that were cut off: their reader was too slow.', server.streamsCutOff),
    counter('log_lines_suppressed', 'Repeated log lines that were left out.', input.suppressedLogLines),
    gauge(
      'certificate_expiry_timestamp_seconds',
      "End of hostd's own certificate.",
      certificateExpiresAtSeconds === null ? [] : [{ value: certificateExpiresAtSeconds }],
    ),
    // These four names are Prometheus' own for every process.
    {
      name: 'process_cpu_seconds_total',
      type: 'counter',
      help: 'CPU time of hostd and of the programs that it ran.',
      samples: [{ value: process.cpuSeconds }],
    },
    {
      name: 'process_resident_memory_bytes',
      type: 'gauge',
      help: 'Resident memory of hostd.',
      samples: [{ value: process.residentBytes }],
    },
    {
      name: 'process_start_time_seconds',
      type: 'gauge',
      help: 'Start of hostd, Unix time.',
      samples: [{ value: process.startedAtSeconds }],
    },
    { name: 'process_open_fds', type: 'gauge', help: 'Open files of hostd.', samples: [{ value: process.openFiles }] },
  ];
}
