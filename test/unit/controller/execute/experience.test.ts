import { describe, expect, it } from 'vitest';
import { Decision, type Outcome } from '../../../../plugin/contract.ts';
import { Experience, lessonOf } from '../../../../plugin/controller/execute/experience.ts';
import { decide } from '../../../../plugin/controller/plan/decide.ts';
import { randomFrom } from '../../../../plugin/schedule/random.ts';
import { shippedPolicy } from '../../../bench/techniques/shipped.ts';
import { MIGRATION, worldOf } from '../../../bench/techniques/world.ts';

const policy = shippedPolicy('default.yaml');
const world = worldOf(
  { direction: 'idle', hostTraffic: 'none', priority: 'medium', dirty: 'none' },
  policy,
  randomFrom(1),
);
const decision = Decision.parse(decide(world, policy, MIGRATION));

function record(id: number, totalMigrationTimeMs: number | null, change = {}) {
  const outcome: Outcome = {
    totalMigrationTimeMs,
    downtimeMs: 80,
    downtimeErrorMs: 1,
    transferredBytes: 2e8,
    iterations: 1,
    postCopySeen: false,
    workload: { before: null, during: null, after: null },
  };
  const ends = { source: MIGRATION.source, destination: MIGRATION.destination };
  return { id, state: 'completed' as const, ...ends, decision, outcome, ...change };
}

describe('what finished migrations teach', () => {
  it('the next decision predicts what the last ones took', () => {
    const experience = new Experience(Array.from({ length: 40 }, (_, id) => record(id, 20_000)));
    const before = decision.prediction?.totalMigrationTimeMs.value ?? 0;
    const after = decide({ ...world, calibration: experience.calibration }, policy, { ...MIGRATION, id: 100 });
    const same = [after, ...after.alternatives.map((each) => ({ ...each, prediction: each.prediction }))].find(
      ({ technique }) => technique === decision.technique,
    );
    expect(before).toBeLessThan(10_000);
    expect(same?.prediction?.totalMigrationTimeMs.value).toBeGreaterThan(17_000);
    expect(same?.prediction?.totalMigrationTimeMs.value).toBeLessThan(22_000);
  });

  it('each record counts once, and the same history gives the same calibration', () => {
    const records = Array.from({ length: 5 }, (_, id) => record(id, 6000 + id));
    const experience = new Experience(records);
    for (const each of records) experience.add(each);
    expect(experience.calibration).toEqual(new Experience(records).calibration);
    expect(experience.calibration.finished).toHaveLength(5);
  });

  it.each([
    ['failed', { state: 'failed' as const }],
    ['aborted', { state: 'aborted' as const }],
    ['passed to Nova without a decision', { decision: null }],
    ['decided without samples', { decision: { ...decision, features: null } }],
    ['not measured', { outcome: null }],
  ])('nothing from one that was %s', (_, change) => {
    expect(lessonOf(record(1, 5000, change))).toBeNull();
  });

  it('figures that were not measured are left out', () => {
    expect(lessonOf(record(1, null))?.observed).toEqual({ downtimeMs: 80, bytes: 2e8 });
  });
});
