import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Priority } from '../../../plugin/contract.ts';
import { globMatches, matchPriority, type ServerFacts } from '../../../plugin/policy/match.ts';
import type { PriorityRule } from '../../../plugin/policy/schema.ts';

const server: ServerFacts = {
  name: 'db-01',
  projectId: 'billing',
  flavorName: 'm1.large',
  metadata: { 'drover:priority': 'low', tier: 'gold' },
};

function priorityBy(...rules: PriorityRule[]): Priority {
  return matchPriority({ id: 'test.yaml@0', priorities: { default: 'medium', rules } }, server).priority;
}

describe('matchPriority', () => {
  it.each<[string, Omit<PriorityRule, 'priority'>, boolean]>([
    ['its project', { project: ['billing'] }, true],
    ['another project', { project: ['bill'] }, false],
    ['one of several projects', { project: ['x', 'billing'] }, true],
    ['its name', { name: ['db-*'] }, true],
    ['another name', { name: ['web-*'] }, false],
    ['its flavor', { flavor: ['m1.*'] }, true],
    ['metadata', { metadata: { tier: 'gold' } }, true],
    ['other metadata', { metadata: { tier: 'silver' } }, false],
    ['metadata that every object seems to have', { metadata: { constructor: 'x' } }, false],
    ['all selectors', { project: ['billing'], name: ['db-01'], metadata: { tier: 'gold' } }, true],
    ['all selectors but one', { project: ['billing'], name: ['db-02'] }, false],
  ])('%s: %j matches: %s', (_, selectors, matches) => {
    expect(priorityBy({ ...selectors, priority: 'high' })).toBe(matches ? 'high' : 'medium');
  });

  it('takes the first rule that matches and says which', () => {
    const rules: PriorityRule[] = [
      { name: ['web-*'], priority: 'low' },
      { name: ['db-*'], priority: 'high' },
      { metadata: { 'drover:priority': 'low' }, priority: 'low' },
    ];
    const found = matchPriority({ id: 'test.yaml@0', priorities: { default: 'medium', rules } }, server);
    expect(found).toEqual({
      priority: 'high',
      reason: { code: 'priority-rule', text: 'rule 2 of test.yaml@0 (name db-*): high' },
    });
    expect(priorityBy()).toBe('medium');
  });
});

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
