import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatPolicyError, parsePolicy } from '../../../../plugin/policy/load.ts';

/** The shipped policy with figures of this test's own: its weights are tuned. */
const DEFAULT = readFileSync(new URL('../../../../policies/default.yaml', import.meta.url), 'utf8').replace(
  / {4}weights:[\s\S]*?margin: \d+ %/,
  `    weights:
      high: { time: 1, downtime: 1, stall: 0.2, workloadLoss: 0.2, bytes: 0 }
      medium: { time: 0.5, downtime: 2, stall: 0.5, workloadLoss: 1, bytes: 0.1 }
      low: { time: 0.1, downtime: 4, stall: 1, workloadLoss: 2, bytes: 0.2 }
    maxDowntime: 500 ms
    maxStall: 2 s
    margin: 5 %`,
);

function errorsOf(from: string, to: string): string[] {
  if (!DEFAULT.includes(from)) throw new Error(`default.yaml lacks "${from}"`);
  const parsed = parsePolicy(DEFAULT.replace(from, to), 'p.yaml');
  return 'errors' in parsed ? parsed.errors.map(formatPolicyError) : [];
}

describe('technique: predict', () => {
  it('reads weights, limits in ms and the margin as a share', () => {
    const parsed = parsePolicy(DEFAULT, 'default.yaml');
    expect('policy' in parsed && parsed.policy.technique).toEqual({
      kind: 'predict',
      weights: {
        high: { time: 1, downtime: 1, stall: 0.2, workloadLoss: 0.2, bytes: 0 },
        medium: { time: 0.5, downtime: 2, stall: 0.5, workloadLoss: 1, bytes: 0.1 },
        low: { time: 0.1, downtime: 4, stall: 1, workloadLoss: 2, bytes: 0.2 },
      },
      hardLimits: { downtimeMs: 500, stallMs: 2000 },
      margin: 0.05,
    });
  });

  it('has no limits and no margin unless they are named, and a weight that is not named is 0', () => {
    const text = DEFAULT.replace(/ {4}maxDowntime[\s\S]*?margin: 5 %\n/, '').replace('{ time: 1, downtime: 1, ', '{ ');
    const parsed = parsePolicy(text, 'default.yaml');
    expect('policy' in parsed && parsed.policy.technique).toMatchObject({
      hardLimits: { downtimeMs: null, stallMs: null },
      margin: 0,
      weights: { high: { time: 0, downtime: 0, stall: 0.2 } },
    });
  });

  it.each([
    [
      'a negative weight',
      '{ time: 1, ',
      '{ time: -1, ',
      /^p.yaml:\d+:\d+: technique.predict.weights.high.time: a weight/,
    ],
    ['a weight with a unit', '{ time: 1, ', '{ time: 1 s, ', /weights.high.time: is not a number/],
    ['a weight that is missing its priority', /* */ '      low: {', '      lo: {', /weights.low: is missing/],
    ['only zeroes', '{ time: 1, downtime: 1, stall: 0.2, workloadLoss: 0.2, bytes: 0 }', '{ bytes: 0 }', /all weights/],
    ['a limit without unit', 'maxStall: 2 s', 'maxStall: 2', /technique.predict.maxStall: "2" is not a time/],
    ['a limit of nothing', 'maxStall: 2 s', 'maxStall: 0 s', /technique.predict.maxStall: no technique is without it/],
    ['a stall without its blackout', 'maxStall: 2 s', 'maxStall: 100 ms', /maxStall: is below maxDowntime/],
    ['a margin of all', 'margin: 5 %', 'margin: 100 %', /technique.predict.margin: nothing is cheaper by all of it/],
    ['an unknown key', 'maxStall: 2 s', 'maxStal: 2 s', /technique.predict.maxStal: there is no such key/],
    ['neither table nor predict', '  predict:\n', '  predicted:\n', /technique.predict: is missing/],
  ])('refuses %s', (_, from, to, message) => {
    expect(errorsOf(from, to)).toContainEqual(expect.stringMatching(message));
  });

  it('refuses a word, and says what to write', () => {
    const text = DEFAULT.replace(/technique:\n {2}predict:[\s\S]*?margin: 5 %\n/, 'technique: post-copy\n');
    const parsed = parsePolicy(text, 'p.yaml');
    expect('errors' in parsed && parsed.errors.map(formatPolicyError)).toEqual([
      expect.stringMatching(/: technique: write a list of rows, or predict: \{ weights: … \}$/),
    ]);
  });
});
