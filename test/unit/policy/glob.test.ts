import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatches, globSet, globSetMatches, globSetsOverlap, globsOverlap } from '../../../plugin/policy/glob.ts';

describe('globMatches', () => {
  it.each([
    ['*', '', true],
    ['', 'a', false],
    ['a*b', 'ab', true],
    ['a*b', 'axxb', true],
    ['a*b', 'axxbc', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*.db', 'x.db', true],
    ['*.db', 'xadb', false],
    ['DB*', 'db1', false],
    ['[a]', 'a', false],
  ])('%s on "%s": %s', (glob, text, matches) => {
    expect(globMatches(glob, text)).toBe(matches);
  });

  it('agrees with a regular expression on short texts', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(word, fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 }), (glob, text) => {
        const pattern = [...glob].map((c) => (c === '*' ? '.*' : c === '?' ? '.' : c)).join('');
        expect(globMatches(glob, text)).toBe(new RegExp(`^${pattern}$`).test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('is not slowed down by a pattern made for it', () => {
    const startMs = performance.now();
    expect(globMatches(`${'*a'.repeat(30)}b`, 'a'.repeat(5000))).toBe(false);
    expect(performance.now() - startMs).toBeLessThan(1000);
  });
});

describe('globsOverlap', () => {
  it.each([
    ['db-*', '*-01', true],
    ['db-*', 'web-*', false],
    ['a?', '*b', true],
    ['a?', 'a', false],
    ['*', '', true],
    ['a*c', 'ab', false],
    ['*a*', '*b*', true],
    ['ab', 'ab', true],
  ])('%s and %s: %s', (a, b, overlap) => {
    expect(globsOverlap(a, b)).toBe(overlap);
    expect(globsOverlap(b, a)).toBe(overlap);
  });

  it('says yes exactly if a short text matches both', () => {
    const letters = ['a', 'b'];
    const texts = [''];
    for (let length = 1; length <= 6; length++) {
      texts.push(...texts.filter((text) => text.length === length - 1).flatMap((text) => letters.map((l) => text + l)));
    }
    // With at most three signs each, two patterns that have a text in common have one of at most six letters.
    const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 3 });
    fc.assert(
      fc.property(glob, glob, (a, b) => {
        expect(globsOverlap(a, b)).toBe(texts.some((text) => globMatches(a, text) && globMatches(b, text)));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a set of globs', () => {
  const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 3 });
  const globs = fc.array(glob, { maxLength: 4 });

  it('matches what one of them matches', () => {
    fc.assert(
      fc.property(globs, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 4 }), (all, text) => {
        expect(globSetMatches(globSet(all), text)).toBe(all.some((each) => globMatches(each, text)));
      }),
    );
  });

  it('overlaps with another where one of either does', () => {
    fc.assert(
      fc.property(globs, globs, (a, b) => {
        expect(globSetsOverlap(globSet(a), globSet(b))).toBe(a.some((x) => b.some((y) => globsOverlap(x, y))));
      }),
      { numRuns: 1000 },
    );
  });
});
