import { describe, expect, it } from 'vitest';
import { diffReport } from '../../../plugin/cli/diff.ts';
import { decide } from '../../../plugin/controller/plan/decide.ts';
import { factsOf } from '../../../plugin/controller/plan/facts.ts';
import type { RecordedDecision } from '../../../plugin/controller/store/history.ts';
import { host, NOW, queued, seedPolicy, vm, world } from '../controller/plan/worlds.ts';

const policy = seedPolicy();
/** One technique under each: every migration differs, so that all are shown. */
const [preCopy, postCopy] = (['pre-copy', 'post-copy'] as const).map((technique) =>
  seedPolicy({
    technique: {
      kind: 'table',
      rows: [
        {
          contention: ['low', 'moderate', 'high'],
          priority: ['high', 'medium', 'low'],
          cluster: ['inbound', 'outbound', 'idle'],
          scenario: ['in-in', 'in-out', 'out-in', 'out-out'],
          technique,
        },
      ],
    },
  }),
) as [typeof policy, typeof policy];

interface Given {
  decidedAtMs: number;
  endedAtMs?: number;
  /** Times what was predicted. */
  took?: number;
}

function record(id: number, { decidedAtMs, endedAtMs, took = 1 }: Given): RecordedDecision {
  const migration = queued(id, { receivedAtMs: decidedAtMs - 2000 });
  const hosts = { 'compute-1': host('compute-1', { vms: [vm(id)] }), 'compute-2': host('compute-2') };
  const now = { ...world({ queue: [migration], hosts }), nowMs: decidedAtMs, policy: preCopy };
  for (const each of now.hosts.values()) each.sampleAtMs = decidedAtMs;
  const decision = decide(now, preCopy, migration);
  return {
    id,
    vmName: migration.server.name,
    source: migration.source,
    destination: migration.destination,
    decision,
    facts: factsOf(now, migration),
    state: endedAtMs === undefined ? 'running' : 'completed',
    endedAtMs: endedAtMs ?? null,
    outcome: {
      totalMigrationTimeMs: took * (decision.prediction?.totalMigrationTimeMs.value ?? Number.NaN),
      downtimeMs: null,
      downtimeErrorMs: null,
      transferredBytes: null,
      iterations: null,
      postCopySeen: false,
      workload: { before: null, during: null, after: null },
    },
  };
}

function shown(history: RecordedDecision[], after = postCopy) {
  return JSON.parse(diffReport(history, preCopy, after, true)) as {
    migration: number;
    changes: string[];
    before: { prediction: { totalMigrationTimeMs: { value: number } } };
  }[];
}

describe('a comparison of two policies', () => {
  const alone =
    shown([record(20, { decidedAtMs: NOW })])[0]?.before.prediction.totalMigrationTimeMs.value ?? Number.NaN;
  const predicted = (rows: ReturnType<typeof shown>, id: number) =>
    (rows.find(({ migration }) => migration === id)?.before.prediction.totalMigrationTimeMs.value ?? Number.NaN) /
    alone;

  it('predicts with what had been learned by then, in the order of time', () => {
    const eight = Array.from({ length: 8 }, (_, index) =>
      record(index + 1, { decidedAtMs: NOW + 60_000 * index, endedAtMs: NOW + 60_000 * index + 30_000, took: 2 }),
    );
    const rows = shown([...eight, record(20, { decidedAtMs: NOW + 600_000 })]);
    expect(predicted(rows, 1)).toBeCloseTo(1, 6);
    expect(predicted(rows, 4)).toBeGreaterThan(1.1);
    expect(predicted(rows, 20)).toBeGreaterThan(predicted(rows, 4));
    expect(predicted(rows, 20)).toBeLessThanOrEqual(2);
  });

  it('learns nothing from a migration that was not over yet, nor from its own end', () => {
    const later = Array.from({ length: 8 }, (_, index) =>
      record(index + 1, { decidedAtMs: NOW - 60_000, endedAtMs: NOW + 1000 + index, took: 2 }),
    );
    const rows = shown([...later, record(20, { decidedAtMs: NOW, endedAtMs: NOW + 5000, took: 3 })]);
    expect(rows.map(({ migration }) => predicted(rows, migration))).toEqual(Array(9).fill(1));
  });

  it('knows deadlines, and whom they would have been refused to', () => {
    const strict = {
      ...preCopy,
      deadlines: { defaultMs: { high: null, medium: 2500, low: null }, maxMs: null, admission: 'refuse' as const },
    };
    const history = [record(1, { decidedAtMs: NOW })];
    expect(shown(history, strict)[0]?.changes).toEqual([
      `deadline none → ${new Date(NOW + 500).toISOString()}`,
      'admission accept → refuse',
    ]);
    const relaxed = {
      ...strict,
      deadlines: { ...strict.deadlines, defaultMs: { ...strict.deadlines.defaultMs, medium: 3600e3 } },
    };
    expect(diffReport(history, strict, relaxed, false)).toMatch(/of 1 with a deadline: warned 0 → 0, refused 1 → 0$/);
  });
});
