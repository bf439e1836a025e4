import { describe, expect, it } from 'vitest';
import { Decision, Prediction, type Technique } from '../../../../plugin/contract.ts';
import { decide } from '../../../../plugin/controller/plan/decide.ts';
import { chooseByPrediction, type PredictRule } from '../../../../plugin/controller/plan/predicted.ts';
import type { Estimates } from '../../../../plugin/model/calibrate.ts';
import { randomFrom } from '../../../../plugin/schedule/random.ts';
import { allCells } from '../../../bench/techniques/grid.ts';
import { shippedPolicy } from '../../../bench/techniques/shipped.ts';
import { MIGRATION, worldOf } from '../../../bench/techniques/world.ts';
import { features } from '../../model/features.ts';

const TIME_ONLY = { time: 1, downtime: 0, stall: 0, workloadLoss: 0, bytes: 0 };
const RULE: PredictRule = {
  kind: 'predict',
  weights: { high: TIME_ONLY, medium: TIME_ONLY, low: TIME_ONLY },
  hardLimits: { downtimeMs: 500, stallMs: 2000 },
  margin: 0.05,
};
const GATE = { code: 'post-copy-not-permitted', text: 'post-copy is not permitted on a' };

function estimates(technique: Technique, seconds: number, stallMs = 300): Estimates {
  const exactly = (value: number) => ({ value, low: value, high: value });
  return {
    technique,
    totalMigrationTimeMs: exactly(1000 * seconds),
    downtimeMs: exactly(100),
    longestStallMs: exactly(stallMs),
    bytes: exactly(1e8),
    iterations: exactly(1),
    lostBits: { sourceTx: exactly(0), destinationRx: exactly(0), vm: exactly(0) },
    ends: Number.isFinite(seconds) ? 'completed' : 'never',
  };
}

function choose(pre: number, post: number, hybrid: number, { stallMs = 300, gate = null as typeof GATE | null } = {}) {
  const all = [estimates('pre-copy', pre), estimates('post-copy', post, stallMs), estimates('hybrid-copy', hybrid)];
  return chooseByPrediction(RULE, 'high', features(), all, gate);
}

describe('the technique that costs least', () => {
  it.each([
    ['pre-copy', 4, 3.9, 4.2, {}],
    ['post-copy', 9, 3.5, 7, {}],
    ['hybrid-copy', 9, 3.5, 7, { stallMs: 2600 }],
    ['pre-copy', Number.POSITIVE_INFINITY, 3.5, 7, { gate: GATE }],
    ['post-copy', Number.POSITIVE_INFINITY, 3.5, 7, {}],
  ] as const)('%s of %s, %s and %s s', (technique, pre, post, hybrid, change) => {
    expect(choose(pre, post, hybrid, change).technique).toBe(technique);
  });

  it('tells of each that was rejected why, with its figures', () => {
    const { alternatives } = choose(9, 3.5, 7, { stallMs: 2600 });
    expect(alternatives.map(({ technique, reason }) => [technique, reason.code])).toEqual([
      ['pre-copy', 'predicted-dearer'],
      ['post-copy', 'stall-limit'],
    ]);
    expect(alternatives[1]?.prediction?.longestStallMs.value).toBe(2600);
    expect(choose(9, 3.5, 7, { gate: GATE }).alternatives.map(({ reason }) => reason)).toEqual([GATE, GATE]);
  });

  it('one that is cheaper by less than the margin is no dearer one, and a stall without an end has no length', () => {
    const codes = choose(4, 3.9, 4.2).alternatives.map(({ technique, reason }) => [technique, reason.code]);
    expect(codes).toEqual([
      ['post-copy', 'within-margin'],
      ['hybrid-copy', 'predicted-dearer'],
    ]);
    const [, post] = choose(9, 3.5, 7, { stallMs: Number.POSITIVE_INFINITY }).alternatives;
    expect(post?.reason.text).toContain('would let the guest stall for ever, the policy');
  });

  it('where every technique breaks a limit the cheapest is taken, and it says so', () => {
    const all = (['pre-copy', 'post-copy', 'hybrid-copy'] as const).map((each, index) =>
      estimates(each, 5 - index, 9000),
    );
    const choice = chooseByPrediction(RULE, 'high', features(), all, null);
    expect(choice.technique).toBe('hybrid-copy');
    expect(choice.reasons.map(({ code }) => code)).toContain('limits-unreachable');
  });
});

describe('decide with default.yaml', () => {
  const policy = shippedPolicy('default.yaml');

  it('carries the prediction, its features and those of the others through JSON, even where one never ends', () => {
    for (const cell of allCells()) {
      const decision = decide(worldOf(cell, policy, randomFrom(1)), policy, MIGRATION);
      expect(Decision.parse(JSON.parse(JSON.stringify(decision)))).toEqual(decision);
      expect(decision.prediction?.totalMigrationTimeMs.value).toBeGreaterThan(0);
      expect(decision.features?.memoryBytes).toBeGreaterThan(0);
      expect(decision.alternatives).toHaveLength(2);
      expect(decision.alternatives.every(({ prediction }) => prediction !== null)).toBe(true);
    }
  });

  it('is read from records of before alternatives of strategy and reservation were kept', () => {
    const [cell] = allCells();
    if (!cell) throw new Error('there are no cells');
    const decision = decide(worldOf(cell, policy, randomFrom(1)), policy, MIGRATION);
    const { strategyAlternatives, reservationChoices, ...before } = decision;
    expect(strategyAlternatives).toHaveLength(1);
    expect(reservationChoices.sourceTx?.alternatives).toHaveLength(2);
    expect(Decision.parse(JSON.parse(JSON.stringify(before)))).toEqual({
      ...before,
      strategyAlternatives: [],
      reservationChoices: { sourceTx: null, destinationRx: null },
    });
  });

  it('is read from records of before passes and loss had an interval', () => {
    for (const cell of allCells()) {
      const { prediction } = decide(worldOf(cell, policy, randomFrom(1)), policy, MIGRATION);
      if (!prediction) throw new Error('nothing is predicted');
      const { iterationsBetween, lostBitsBetween, ...before } = prediction;
      expect(iterationsBetween).not.toBeNull();
      expect(lostBitsBetween).not.toBeNull();
      expect(Prediction.parse(before)).toEqual({ ...before, iterationsBetween: null, lostBitsBetween: null });
    }
  });

  it('follows the stale rule where a sample is too old, without a prediction', () => {
    const [cell] = allCells();
    if (!cell) throw new Error('no cell');
    const world = worldOf(cell, policy, randomFrom(1));
    const decision = decide({ ...world, nowMs: world.nowMs + 60_000 }, policy, MIGRATION);
    expect(decision).toMatchObject({ technique: 'pre-copy', prediction: null, features: null });
  });
});
