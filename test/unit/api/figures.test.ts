import { describe, expect, it } from 'vitest';
import { Figures } from '../../../plugin/api/figures.ts';
import { renderMetrics } from '../../../plugin/api/metrics.ts';
import { readExposition } from '../hostd/api/read-exposition.ts';

const figure = (value: number) => ({ value, low: null, high: null });

function ended(state: 'completed' | 'failed', totalMigrationTimeMs: number | null, predictedMs: number | null) {
  return {
    state,
    decision: {
      technique: 'post-copy',
      prediction: predictedMs === null ? null : { totalMigrationTimeMs: figure(predictedMs) },
    },
    outcome: { totalMigrationTimeMs, downtimeMs: 80 },
  } as Parameters<Figures['addEnded']>[0];
}

describe('renderMetrics', () => {
  it('tells what ended, how long it took and how wrong the prediction was, in the format of Prometheus', () => {
    const figures = new Figures();
    figures.addEnded(ended('completed', 4000, 5000));
    figures.addEnded(ended('completed', 30_000, null));
    figures.addEnded(ended('failed', 100, 100));
    figures.addEnded({ state: 'aborted', decision: null, outcome: null });
    figures.addPlan(0.003);
    figures.addProxied(202);
    figures.addProxied(200);
    figures.addProxied(503);
    figures.addVerdict('accepted');
    figures.addUnmanaged('no-hostd');
    const families = readExposition(
      renderMetrics({
        version: '1.2.3',
        figures,
        unfinished: [{ state: 'queued', decision: null, asked: { priority: 'high' } }] as never,
        hosts: [],
        policy: { active: null, loadedAtMs: null, refused: { atMs: 5000, errors: [] }, warnings: [], source: null },
        leader: false,
        notifications: null,
        server: { answers: new Map([['GET /v1/hosts 200', 3]]), refusedAttempts: 1, streams: 2, streamsCutOff: 0 },
        process: { cpuSeconds: 1, residentBytes: 2, startedAtSeconds: 3 },
      }),
    );
    const values = (name: string) => {
      const family = families.get(`drover_plugin_${name}`);
      return Object.fromEntries(
        (family?.samples ?? []).map((sample) => [
          [sample.name.replace(`drover_plugin_${name}`, ''), ...Object.values(sample.labels)].filter(Boolean).join(' '),
          sample.value,
        ]),
      );
    };
    expect(values('migrations_ended_total')).toEqual({
      'completed post-copy': 2,
      'failed post-copy': 1,
      'aborted none': 1,
    });
    expect(values('migration_seconds')).toMatchObject({
      '_bucket post-copy 2': 0,
      '_bucket post-copy 5': 1,
      '_bucket post-copy 50': 2,
      '_bucket post-copy +Inf': 2,
      '_sum post-copy': 34,
    });
    expect(values('prediction_error_ratio')).toMatchObject({
      '_bucket post-copy 0.2': 0,
      '_bucket post-copy 0.3': 1,
      '_count post-copy': 1,
    });
    expect(values('planning_seconds')).toMatchObject({ '_bucket 0.002': 0, '_bucket 0.005': 1, _count: 1 });
    expect(values('migrations')).toEqual({ 'queued high': 1 });
    expect(values('proxy_requests_total')).toEqual({ '2xx': 2, '5xx': 1 });
    expect(values('proxy_live_migrations_total')).toEqual({ accepted: 1 });
    expect(values('unmanaged_total')).toEqual({ 'no-hostd': 1 });
    expect(values('policy_refused_timestamp_seconds')).toEqual({ '': 5 });
    expect(values('leader')).toEqual({ '': 0 });
  });
});
