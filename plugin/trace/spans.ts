/** The trace of one migration as OTLP/HTTP JSON (opentelemetry-proto 1.x, trace/v1), made from what the store has of it. Pure. */
import type { MigrationEvent, MigrationRecord, MigrationState } from '../contract.ts';

type Value = { stringValue: string } | { doubleValue: number } | { boolValue: boolean } | { intValue: string };
interface Attribute {
  key: string;
  value: Value;
}

export interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** 1: internal. */
  kind: 1;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Attribute[];
  events: { timeUnixNano: string; name: string; attributes: Attribute[] }[];
  /** 1: ok, 2: error. */
  status: { code: 1 | 2; message?: string };
}

/** What a migration does while it is in a state. */
const PHASES: Partial<Record<MigrationState, string>> = {
  received: 'received',
  queued: 'wait',
  reserving: 'reserve',
  submitted: 'submit',
  running: 'run',
  switching: 'switch',
  'post-copy': 'post-copy',
};

/**
 * One span for the whole migration, under the one that its caller named (W3C trace context), and one under it for each
 * phase that took part.
 *
 * | events (s)                                                        | spans (s)                                      |
 * |-------------------------------------------------------------------|------------------------------------------------|
 * | queued 0, queued 1, reserving 4, submitted 4, running 6, completed 9 | migration 0-9: wait 0-4, submit 4-6, run 6-9 |
 *
 * What happened without a change of state is an event of its phase.
 *
 * @param newId gives a random hexadecimal number of that many digits.
 */
export function spansOf(
  record: MigrationRecord,
  events: readonly MigrationEvent[],
  newId: (digits: number) => string,
): Span[] {
  const [first] = events;
  if (!first) return [];
  const [, traceId = newId(32), parentSpanId] = record.asked?.traceparent?.split('-') ?? [];
  const endMs = record.endedAtMs ?? events.at(-1)?.atMs ?? first.atMs;
  const root = newId(16);
  const ok = record.state === 'completed';
  const { reason } = events.at(-1) ?? first;
  const whole: Span = {
    traceId,
    spanId: root,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name: 'live migration',
    kind: 1,
    startTimeUnixNano: nanoseconds(record.receivedAtMs),
    endTimeUnixNano: nanoseconds(endMs),
    attributes: attributesOf(record),
    events: [],
    status: ok ? { code: 1 } : { code: 2, message: reason.text },
  };
  return [
    whole,
    ...phases(events, endMs).map((phase) => ({ ...phase, traceId, spanId: newId(16), parentSpanId: root })),
  ];
}

function phases(events: readonly MigrationEvent[], endMs: number): Omit<Span, 'traceId' | 'spanId'>[] {
  const found: { state: MigrationState; fromMs: number; events: MigrationEvent[] }[] = [];
  for (const event of events) {
    const last = found.at(-1);
    if (last?.state === event.state) last.events.push(event);
    else found.push({ state: event.state, fromMs: event.atMs, events: [event] });
  }
  return found.flatMap(({ state, fromMs, events: inside }, index) => {
    const name = PHASES[state];
    const toMs = found[index + 1]?.fromMs ?? endMs;
    if (name === undefined || toMs <= fromMs) return [];
    return [
      {
        name,
        kind: 1 as const,
        startTimeUnixNano: nanoseconds(fromMs),
        endTimeUnixNano: nanoseconds(toMs),
        attributes: [],
        events: inside.map(({ atMs, reason: { code, text } }) => {
          return { timeUnixNano: nanoseconds(atMs), name: code, attributes: [attribute('reason', text)] };
        }),
        status: { code: 1 as const },
      },
    ];
  });
}

function attributesOf({ id, vmUuid, vmName, source, destination, state, decision, outcome, asked }: MigrationRecord) {
  const known: Record<string, string | number | boolean | null | undefined> = {
    'drover.migration.id': id,
    'drover.migration.state': state,
    'drover.migration.technique': decision?.technique,
    'drover.migration.priority': decision?.priority ?? asked?.priority,
    'drover.migration.total_time_ms': outcome?.totalMigrationTimeMs,
    'drover.migration.downtime_ms': outcome?.downtimeMs,
    'drover.policy': decision?.policy,
    'openstack.server.id': vmUuid,
    'openstack.server.name': vmName,
    'openstack.host.source': source,
    'openstack.host.destination': destination,
  };
  return Object.entries(known).flatMap(([key, value]) => (value == null ? [] : [attribute(key, value)]));
}

function attribute(key: string, value: string | number | boolean): Attribute {
  if (typeof value === 'string') return { key, value: { stringValue: value } };
  if (typeof value === 'boolean') return { key, value: { boolValue: value } };
  // 64-bit numbers are text in proto3's JSON.
  return { key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } };
}

function nanoseconds(ms: number): string {
  return `${Math.round(ms)}000000`;
}

/** The body of POST /v1/traces. */
export function traceBody(spans: readonly Span[], version: string): object {
  const attributes = [attribute('service.name', 'drover-plugin'), attribute('service.version', version)];
  return { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ scope: { name: 'drover', version }, spans }] }] };
}
