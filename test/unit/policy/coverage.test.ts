import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covers } from '../../../plugin/policy/coverage.ts';
import { globCovers, globMatches } from '../../../plugin/policy/glob.ts';
import { selectorsMatch } from '../../../plugin/policy/match.ts';
import type { Selectors } from '../../../plugin/policy/schema/selectors.ts';

const night = { fromMinute: 1320, toMinute: 360, days: [0, 1, 2, 3, 4, 5, 6], timeZone: 'UTC' };
const late = { ...night, fromMinute: 1380, toMinute: 1440 };

describe('covers', () => {
  it.each<[string, Selectors, Selectors, boolean]>([
    ['the same', { name: ['a', 'b*'] }, { name: ['a', 'b*'] }, true],
    ['fewer selectors', { name: ['db-*'] }, { name: ['db-0?'], flavor: ['m1'] }, true],
    ['another selector', { flavor: ['m1'] }, { name: ['db-01'] }, false],
    ['every name', { name: ['*'] }, { project: ['x'] }, true],
    ['every image, which a server may lack', { image: ['*'] }, { project: ['x'] }, false],
    ['every image, of those that have one', { image: ['*'] }, { image: ['x'] }, true],
    ['one name of two', { name: ['a'] }, { name: ['a', 'b'] }, false],
    ['a pattern that is wider', { name: ['a?'] }, { name: ['a*'] }, false],
    ['metadata', { metadata: { a: '1' } }, { metadata: { a: '1', b: '2' } }, true],
    ['other metadata', { metadata: { a: '1' } }, { metadata: { a: '2' } }, false],
    ['roles', { role: ['a', 'b'] }, { role: ['a'] }, true],
    ['a role of two', { role: ['a'] }, { role: ['a', 'b'] }, false],
    ['a time', { time: [night] }, { time: [late] }, true],
    ['two times that touch', { time: [{ ...late, fromMinute: 0, toMinute: 360 }, late] }, { time: [late] }, true],
    ['a shorter time', { time: [late] }, { time: [night] }, false],
    ['any time', { time: [night] }, { name: ['a'] }, false],
    ['a time of another zone', { time: [night] }, { time: [{ ...late, timeZone: 'Europe/Berlin' }] }, false],
  ])('%s', (_, wide, narrow, expected) => {
    expect(covers(wide, narrow)).toBe(expected);
  });

  it('is never said of a rule that does not match what the other matches', () => {
    const globs = fc.array(fc.constantFrom('a', 'b', 'a*', '*', '?'), { minLength: 1, maxLength: 2 });
    const rule = fc.record(
      {
        name: globs,
        image: globs,
        role: fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 2 }),
        metadata: fc.dictionary(fc.constantFrom('k', 'l'), fc.constantFrom('1', '2')),
        time: fc.subarray([night, late], { minLength: 1 }),
      },
      { requiredKeys: [] },
    );
    const word = fc.constantFrom('a', 'b', 'ab');
    const server = fc.record({
      name: word,
      projectId: word,
      flavorName: word,
      metadata: fc.dictionary(fc.constantFrom('k', 'l'), fc.constantFrom('1', '2')),
      imageId: fc.option(word),
      requesterRoles: fc.subarray(['a', 'b']),
    });
    const nowMs = fc.integer({ min: 0, max: 47 }).map((half) => half * 1800e3);
    let covered = 0;
    fc.assert(
      fc.property(rule, rule, server, nowMs, (wide, other, facts, atMs) => {
        for (const narrow of [other, { ...wide, ...other }, { ...other, ...wide }]) {
          if (!covers(wide, narrow) || !selectorsMatch(narrow, facts, { host: null, nowMs: atMs })) continue;
          covered++;
          expect(selectorsMatch(wide, facts, { host: null, nowMs: atMs })).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
    expect(covered).toBeGreaterThan(20);
  });
});

it('a glob that covers another matches every text that the other matches', () => {
  const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 4 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 5 });
  fc.assert(
    fc.property(glob, glob, text, (wide, narrow, each) => {
      if (globCovers(wide, narrow) && globMatches(narrow, each)) expect(globMatches(wide, each)).toBe(true);
      expect(globCovers(wide, wide)).toBe(true);
      expect(globCovers('*', narrow)).toBe(true);
    }),
    { numRuns: 3000 },
  );
});
