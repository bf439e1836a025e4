import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Selectors } from '../../../plugin/policy/schema/selectors.ts';
import {
  canBothMatch,
  compareSpecificity,
  contradictions,
  whyMoreSpecific,
} from '../../../plugin/policy/specificity.ts';

const night = { fromMinute: 1320, toMinute: 360, days: [0, 1, 2, 3, 4, 5, 6], timeZone: 'UTC' };
const noon = { fromMinute: 720, toMinute: 780, days: [1], timeZone: 'UTC' };

describe('compareSpecificity', () => {
  it.each<[string, Selectors, Selectors, RegExp]>([
    ['more selectors', { project: ['x'], flavor: ['m*'] }, { name: ['db-01'] }, /^2 selectors against 1$/],
    ['each key of metadata is a selector', { metadata: { a: '1', b: '2' } }, { name: ['db-01'] }, /^2 selectors/],
    ['exact before pattern', { flavor: ['m1.large'] }, { name: ['db-*'] }, /^1 exact selectors against 0$/],
    ['a list with one pattern is a pattern', { flavor: ['m1.large'] }, { name: ['a', 'b*'] }, /^1 exact/],
    ['a time is a pattern', { zone: ['a'] }, { time: [night] }, /^1 exact/],
    ['name before metadata', { name: ['a'] }, { metadata: { a: 'b' } }, /^it selects by name/],
    ['metadata before image', { metadata: { a: 'b' } }, { image: ['a'] }, /^it selects by metadata/],
    ['image before flavor', { image: ['a'] }, { flavor: ['a'] }, /by image/],
    ['flavor before project', { flavor: ['a'] }, { project: ['a'] }, /by flavor/],
    ['project before role', { project: ['a'] }, { role: ['a'] }, /by project/],
    ['role before host', { role: ['a'] }, { host: ['a'] }, /by role/],
    ['host before zone', { host: ['a'] }, { zone: ['a'] }, /by host/],
    ['zone before time', { zone: ['a*'] }, { time: [night] }, /by zone/],
    [
      'the exact one of the nearer selector',
      { name: ['a'], project: ['b*'] },
      { name: ['a*'], project: ['b'] },
      /^its name is exact/,
    ],
  ])('%s', (_, winner, loser, why) => {
    expect(compareSpecificity(winner, loser)).toBeGreaterThan(0);
    expect(compareSpecificity(loser, winner)).toBeLessThan(0);
    expect(whyMoreSpecific(winner, loser)).toMatch(why);
  });

  it('is an order: of any three, the first beats the last if it beats the middle one', () => {
    const list = fc.array(fc.constantFrom('a', 'b', 'a*'), { minLength: 1, maxLength: 2 });
    const rule = fc.record({ name: list, flavor: list, project: list, host: list }, { requiredKeys: [] });
    fc.assert(
      fc.property(rule, rule, rule, (a, b, c) => {
        expect(Math.sign(compareSpecificity(a, b))).toBe(-Math.sign(compareSpecificity(b, a)) + 0);
        if (compareSpecificity(a, b) >= 0 && compareSpecificity(b, c) >= 0) {
          expect(compareSpecificity(a, c)).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});

describe('canBothMatch', () => {
  it.each<[string, Selectors, Selectors, boolean]>([
    ['different selectors', { name: ['a'] }, { project: ['b'] }, true],
    ['names that meet', { name: ['a*'] }, { name: ['*b'] }, true],
    ['names that do not', { name: ['a*'] }, { name: ['b*', 'c'] }, false],
    ['one key, two values', { metadata: { a: '1' } }, { metadata: { a: '2' } }, false],
    ['two keys', { metadata: { a: '1' } }, { metadata: { b: '2' } }, true],
    ['a requester with two roles', { role: ['a'] }, { role: ['b'] }, true],
    ['times apart', { time: [night] }, { time: [noon] }, false],
    ['times that meet', { time: [night] }, { time: [{ ...noon, fromMinute: 300, toMinute: 400 }] }, true],
    ['times of two zones', { time: [night] }, { time: [{ ...noon, timeZone: 'Asia/Tokyo' }] }, true],
  ])('%s', (_, a, b, both) => {
    expect(canBothMatch(a, b)).toBe(both);
    expect(canBothMatch(b, a)).toBe(both);
  });
});

describe('contradictions', () => {
  it('finds rules that tie, meet, and say different things', () => {
    expect(
      contradictions([
        { name: ['a*'], priority: 'high' },
        { name: ['*b'], priority: 'low' },
        { name: ['*c'], priority: 'high' },
        { name: ['x'], priority: 'low' },
        { name: ['b*', 'q*'], priority: 'low' },
      ]),
    ).toEqual([
      [0, 1],
      [2, 4],
    ]);
  });

  // As a site's inventory writes them. The plugin reads policies while it serves.
  it('compares rules of thousands of names at once', () => {
    const names = (from: number) => Array.from({ length: 3000 }, (_, index) => `vm-${from + index}`);
    const rules = [
      { name: names(0), priority: 'high' },
      { name: names(10_000), priority: 'low' },
      { name: [...names(20_000), 'vm-17'], priority: 'low' },
    ];
    const startMs = performance.now();
    expect(contradictions(rules)).toEqual([[0, 2]]);
    expect(performance.now() - startMs).toBeLessThan(2000);
  });
});
