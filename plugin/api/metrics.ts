/** What GET /metrics tells. Rates are bytes per second here, for Prometheus wants base units; the contract's are bit/s. */

import { exposition, type Family, type Histogram } from 'drover-hostd/api/exposition';
import type { HostView, MigrationRecord, PolicyStatus } from '../contract.ts';
import type { ListenerFigures } from '../notifications/listener.ts';
import type { Distribution } from './distribution.ts';
import type { Figures } from './figures.ts';

/** What the API counts of itself. */
export interface ServerFigures {
  /** `GET /v1/hosts 200` and so on: calls of the contract only, so that a caller cannot make new ones. */
  answers: ReadonlyMap<string, number>;
  /** Calls without a good token. */
  refusedAttempts: number;
  streams: number;
  streamsCutOff: number;
}

export interface MetricsInput {
  version: string;
  figures: Figures;
  /** Null: the store does not tell. */
  unfinished: readonly MigrationRecord[];
  hosts: readonly HostView[];
  policy: PolicyStatus;
  leader: boolean;
  /** Null: nobody listens to Nova's notifications. */
  notifications: ListenerFigures | null;
  server: ServerFigures;
  process: { cpuSeconds: number; residentBytes: number; startedAtSeconds: number };
}

const PREFIX = 'drover_plugin';

export function renderMetrics(input: MetricsInput): string {
  return exposition([
    ...migrationFamilies(input),
    ...hostFamilies(input),
    ...notificationFamilies(input),
    ...ownFamilies(input),
  ]);
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

function histogram(name: string, help: string, by: ReadonlyMap<string, Distribution>): Histogram {
  const samples = [...by].map(([technique, { bounds, counts, sum }]) => ({
    labels: { technique },
    bounds,
    counts,
    sum,
  }));
  return { name: `${PREFIX}_${name}`, type: 'histogram', help, samples };
}

/** Counts by keys of several words, one for each label. */
function byWords(counts: ReadonlyMap<string, number>, names: readonly string[]): Family['samples'] {
  return [...counts].map(([key, value]) => {
    const words = key.split(' ');
    return { labels: Object.fromEntries(names.map((name, index) => [name, words[index] ?? ''])), value };
  });
}

function migrationFamilies({ figures, unfinished }: MetricsInput): (Family | Histogram)[] {
  const waiting = new Map<string, number>();
  for (const { state, decision, asked } of unfinished) {
    const key = `${state} ${decision?.priority ?? asked?.priority ?? 'undecided'}`;
    waiting.set(key, (waiting.get(key) ?? 0) + 1);
  }
  return [
    gauge('migrations', 'Migrations that have not ended.', byWords(waiting, ['state', 'priority'])),
    counter(
      'migrations_ended',
      'Migrations that ended since the start.',
      byWords(figures.ended, ['state', 'technique']),
    ),
    histogram(
      'migration_seconds',
      "Total migration time of what was completed: QEMU's set-up to its end.",
      figures.totalSeconds,
    ),
    histogram('downtime_seconds', "Guest's blackout of what was completed: STOP to RESUME.", figures.downtimeSeconds),
    histogram(
      'prediction_error_ratio',
      'How far the predicted total migration time was from the measured one, as a share of it.',
      figures.predictionError,
    ),
    {
      ...histogram('planning_seconds', 'Time that one plan took, with its check.', new Map()),
      samples: [figures.planningSeconds],
    },
    counter('plan_breaches', 'Rules that the independent check found broken by a plan: a fault.', figures.breaches),
    counter(
      'unmanaged',
      'Migrations that went to Nova unchanged, or were decided without samples, by the reason.',
      byWords(figures.unmanaged, ['reason']),
    ),
  ];
}

function hostFamilies({ hosts }: MetricsInput): Family[] {
  const measured = hosts.flatMap(({ host, nic }) => (nic ? [{ host, nic }] : []));
  return [
    gauge(
      'hostd_reachable',
      'Whether the hostd of a compute host answers.',
      hosts.map(({ host, reachable }) => ({ labels: { host }, value: Number(reachable) })),
    ),
    gauge(
      'sample_age_seconds',
      'Age of the newest sample of a host.',
      hosts.flatMap(({ host, sampleAgeMs }) =>
        sampleAgeMs === null ? [] : [{ labels: { host }, value: sampleAgeMs / 1000 }],
      ),
    ),
    gauge(
      'workload_bytes_per_second',
      "Workload traffic on a host's NIC.",
      measured.flatMap(({ host, nic }) => [
        { labels: { host, direction: 'tx' }, value: nic.workloadTxBitsPerSecond / 8 },
        { labels: { host, direction: 'rx' }, value: nic.workloadRxBitsPerSecond / 8 },
      ]),
    ),
    gauge(
      'nova_concurrent_live_migrations',
      "Nova's max_concurrent_live_migrations of a host; 0: no limit.",
      hosts.flatMap(({ host, maxConcurrentLiveMigrations: value }) =>
        value === null ? [] : [{ labels: { host }, value }],
      ),
    ),
  ];
}

function notificationFamilies({ notifications, figures }: MetricsInput): Family[] {
  const asked = counter(
    'migration_questions',
    'Questions to Nova about migrations that run: for the record, as a notification told something, often or seldom.',
    byWords(figures.asked, ['pace']),
  );
  if (notifications === null) return [asked];
  const { connected, messages, hints, failures } = notifications;
  return [
    asked,
    gauge('notifications_connected', "Whether Nova's notifications are listened to.", Number(connected)),
    counter(
      'notifications',
      'Notifications of Nova: about watched servers, others, and what is none.',
      byWords(messages, ['kind']),
    ),
    counter('notification_hints', 'Looks at Nova that a notification caused.', hints),
    counter('notifications_connect_failures', 'Connections to RabbitMQ that failed or were lost.', failures),
  ];
}

function ownFamilies({ version, figures, policy, leader, server, process }: MetricsInput): Family[] {
  const answers = [...server.answers].map(([key, value]) => {
    const [method = '', call = '', code = ''] = key.split(' ');
    return { labels: { method, call, code }, value };
  });
  const time = (ms: number | null | undefined) => (ms == null ? [] : [{ value: ms / 1000 }]);
  return [
    gauge('policy_in_effect', 'Whether a policy is in effect.', Number(policy.active !== null)),
    gauge('policy_warnings', 'Warnings of the policy in effect, which GET /v1/policy shows.', policy.warnings.length),
    gauge('policy_loaded_timestamp_seconds', 'When the policy in effect was loaded.', time(policy.loadedAtMs)),
    gauge(
      'policy_refused_timestamp_seconds',
      'When the newest files of the policy were refused; absent: they are in effect.',
      time(policy.refused?.atMs),
    ),
    counter('proxy_requests', 'Answers of the proxy, by their class.', byWords(figures.proxied, ['class'])),
    counter(
      'proxy_live_migrations',
      'Live migrations that came through the compute API: forward, answered, accepted, busy, refused, failed.',
      byWords(figures.verdicts, ['verdict']),
    ),
    gauge('leader', 'Whether this one decides: 1, or only passes on and shows: 0.', Number(leader)),
    counter('api_requests', 'Answers of the control API.', answers),
    counter('api_refused_attempts', 'Calls of the control API without a good token.', server.refusedAttempts),
    gauge('api_streams', 'Open streams of events.', server.streams),
    counter(
      'api_streams_cut_off',
      'Streams of events that were cut off: their reader was too slow.',
      server.streamsCutOff,
    ),
    gauge('build_info', 'Always 1.', [{ labels: { version }, value: 1 }]),
    counter('process_cpu_seconds', 'CPU time of the plugin.', process.cpuSeconds),
    gauge('process_resident_memory_bytes', 'Memory of the plugin.', process.residentBytes),
    gauge('process_start_time_seconds', 'When the plugin started.', process.startedAtSeconds),
  ];
}
