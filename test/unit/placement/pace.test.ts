import { expect, it } from 'vitest';
import { type Looked, nextLookAtMs } from '../../../plugin/placement/pace.ts';

const after = (change: Partial<Looked>) =>
  nextLookAtMs({ atMs: 1000, tookMs: 10, failure: null, isOutdated: false, ...change }) - 1000;

it('looks at once when it never did, soon when something changed, and else every two seconds', () => {
  expect(after({ atMs: null })).toBe(Number.NEGATIVE_INFINITY);
  expect([after({ isOutdated: true }), after({})]).toEqual([300, 2000]);
});

it('asks a slow Placement less often', () => {
  expect([after({ tookMs: 1500, isOutdated: true }), after({ tookMs: 1500 })]).toEqual([3000, 7500]);
});

it('comes back later to one that does not tell', () => {
  expect([after({ failure: 'silent', isOutdated: true }), after({ failure: 'refused' })]).toEqual([5000, 60_000]);
});
