import { describe, expect, it } from 'vitest';
import type { MigrationEvent, MigrationRecord, MigrationState } from '../../../plugin/contract.ts';
import { spansOf, traceBody } from '../../../plugin/trace/spans.ts';

const event = (id: number, seconds: number, state: MigrationState): MigrationEvent => {
  return { id, migrationId: 7, atMs: 1000 * seconds, state, reason: { code: `c${id}`, text: `text ${id}` } };
};
const record = (state: MigrationState, endedAtMs: number, traceparent: string | null) =>
  ({
    ...{ id: 7, vmUuid: 'u', vmName: 'vm', source: 'a', destination: null, state, receivedAtMs: 0, endedAtMs },
    decision: { technique: 'post-copy', priority: 'high', policy: 'p' },
    outcome: { totalMigrationTimeMs: 2500.5, downtimeMs: 80 },
    asked: { priority: 'high', traceparent },
  }) as unknown as MigrationRecord;

function ids(): (digits: number) => string {
  let next = 0;
  return (digits) => {
    next += 1;
    return String(next).padStart(digits, '0');
  };
}

const EVENTS = [
  event(1, 0, 'queued'),
  event(2, 1, 'queued'),
  event(3, 4, 'reserving'),
  event(4, 4, 'submitted'),
  event(5, 6, 'running'),
  event(6, 7, 'switching'),
  event(7, 8, 'post-copy'),
  event(8, 9, 'completed'),
];

describe('spansOf', () => {
  it('gives a span to each phase that took time, under one of the whole, under the caller', () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const [whole, ...phases] = spansOf(record('completed', 9000, traceparent), EVENTS, ids());
    expect(whole).toMatchObject({
      traceId: 'a'.repeat(32),
      parentSpanId: 'b'.repeat(16),
      startTimeUnixNano: '0000000',
      endTimeUnixNano: '9000000000',
      status: { code: 1 },
    });
    expect(whole?.attributes).toContainEqual({
      key: 'drover.migration.technique',
      value: { stringValue: 'post-copy' },
    });
    expect(whole?.attributes).toContainEqual({ key: 'drover.migration.downtime_ms', value: { intValue: '80' } });
    expect(whole?.attributes).toContainEqual({ key: 'drover.migration.total_time_ms', value: { doubleValue: 2500.5 } });
    const seconds = (text: string) => Number(text) / 1e9;
    expect(phases.map((span) => [span.name, seconds(span.startTimeUnixNano), seconds(span.endTimeUnixNano)])).toEqual([
      ['wait', 0, 4],
      ['submit', 4, 6],
      ['run', 6, 7],
      ['switch', 7, 8],
      ['post-copy', 8, 9],
    ]);
    expect(phases.every((span) => span.traceId === whole?.traceId && span.parentSpanId === whole?.spanId)).toBe(true);
    expect(phases[0]?.events.map(({ name }) => name)).toEqual(['c1', 'c2']);
    expect(new Set([whole, ...phases].map((span) => span?.spanId)).size).toBe(6);
  });

  it('begins a trace where the caller named none, and says why it failed', () => {
    const [whole] = spansOf(record('failed', 9000, null), [...EVENTS.slice(0, -1), event(8, 9, 'failed')], ids());
    expect(whole?.traceId).toHaveLength(32);
    expect(whole).not.toHaveProperty('parentSpanId');
    expect(whole?.status).toEqual({ code: 2, message: 'text 8' });
    expect(spansOf(record('failed', 0, null), [], ids())).toEqual([]);
  });

  it('is sent as what the collector takes', () => {
    expect(traceBody([], '1.0')).toEqual({
      resourceSpans: [
        {
          resource: {
            attributes: [
              { key: 'service.name', value: { stringValue: 'drover-plugin' } },
              { key: 'service.version', value: { stringValue: '1.0' } },
            ],
          },
          scopeSpans: [{ scope: { name: 'drover', version: '1.0' }, spans: [] }],
        },
      ],
    });
  });
});
