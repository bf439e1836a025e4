import { describe, expect, it } from 'vitest';
import { diffReport } from '../../../plugin/cli/diff.ts';
import { decide } from '../../../plugin/controller/plan/decide.ts';
import { factsOf } from '../../../plugin/controller/plan/facts.ts';
import { planAhead } from '../../../plugin/controller/plan/plan.ts';
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

describe('a comparison of two ways to choose a destination', () => {
  const keep = preCopy;
  const least = { ...preCopy, destination: 'least-contended' as const, id: 'least.yaml@00000000' };
  const GUEST = { MEMORY_MB: 256 };

  /** Begun under this policy, to hosts of which the first receives much; Nova put it, or let it go, to `went`. */
  function begun(policy: typeof preCopy, id: number, went: string, change: { asked?: string; old?: boolean } = {}) {
    const { asked = null, old = false } = change;
    const migration = queued(id, { destination: asked, choosable: asked === null });
    const names = ['compute-1', 'compute-2', 'compute-3'];
    const room = names.map((name) => [name, { free: { MEMORY_MB: 4096 }, zone: 'nova', accepts: true }] as const);
    const now = {
      ...world({
        queue: [migration],
        hosts: {
          'compute-1': host('compute-1', { vms: [vm(id)] }),
          'compute-2': host('compute-2', { rx: 300e6 }),
          'compute-3': host('compute-3', { rx: 20e6 }),
        },
      }),
      policy,
      room: {
        hosts: new Map(room),
        holds: new Map([[migration.vmUuid, GUEST]]),
        settled: new Set<string>(),
        arrived: [],
      },
    };
    const start = planAhead(now).actions.find(({ kind }) => kind === 'start');
    if (start?.kind !== 'start') throw new Error('it does not start');
    const destination = start.decision.destination?.host ?? asked;
    const { choosing, ...facts } = factsOf(now, { ...migration, destination }, start.choosing);
    return {
      ...record(id, { decidedAtMs: NOW }),
      destination: went,
      decision: start.decision,
      facts: old ? facts : { choosing, ...facts },
    };
  }

  function summary(history: RecordedDecision[], before: typeof preCopy, after: typeof preCopy): string[] {
    return diffReport(history, before, after, false)
      .split('\n')
      .filter((line) => /destination (keep|least)|asked for none|would differ/.test(line));
  }

  it('shows the host that Drover would name, and how many went to another', () => {
    const history = [
      begun(keep, 1, 'compute-2'),
      begun(keep, 2, 'compute-3'),
      begun(keep, 3, 'compute-2', { asked: 'compute-2' }),
    ];
    const [first, second, ...more] = JSON.parse(diffReport(history, keep, least, true));
    expect(more).toEqual([]);
    expect(first).toMatchObject({ migration: 1, destination: { before: null, after: 'compute-3' } });
    expect(first.changes[0]).toBe("destination Nova's choice → compute-3");
    expect(second).toMatchObject({ migration: 2, destination: { before: null, after: 'compute-3' } });
    expect(summary(history, keep, least).slice(1)).toEqual([
      'destination keep → least-contended: of 2 that asked for none 2 would have one chosen, 1 another one than they went to',
    ]);
  });

  it('shows that Nova would choose again, and nothing where the way stays the same', () => {
    const history = [begun(least, 1, 'compute-3')];
    const [first] = JSON.parse(diffReport(history, least, keep, true));
    expect(first).toMatchObject({ destination: { before: 'compute-3', after: null } });
    expect(JSON.parse(diffReport(history, least, least, true))).toEqual([]);
    expect(summary(history, keep, keep)).toEqual([expect.stringMatching(/^0 of 1 recorded decisions would differ/)]);
  });

  it('chooses by the rules of the policy: a host that is full of migrations is passed over', () => {
    const history = [begun(least, 1, 'compute-3')];
    const [{ facts }] = history as [RecordedDecision];
    const there = facts?.choosing?.hosts['compute-3'];
    if (!there) throw new Error('nothing was kept of compute-3');
    there.coming = 1;
    const narrow = { ...least, caps: { parallelPerLink: 1 } };
    const [first] = JSON.parse(diffReport(history, least, narrow, true));
    expect(first).toMatchObject({ destination: { before: 'compute-3', after: 'compute-2' } });
  });

  it('says of how many it cannot be told, as they were recorded without', () => {
    const history = [
      begun(keep, 1, 'compute-2', { old: true }),
      begun(least, 2, 'compute-3', { old: true }),
      begun(keep, 3, 'compute-2', { old: true, asked: 'compute-2' }),
    ];
    expect(summary(history, keep, least)).toEqual([
      expect.stringMatching(/^0 of 3 recorded decisions would differ/),
      'destination keep → least-contended: of 0 that asked for none 0 would have one chosen, 0 another one than they went to',
      '2 more that asked for none were recorded without what a host is chosen from: they are decided as they went, whatever destination says',
    ]);
  });
});
