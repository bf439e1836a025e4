import { describe, expect, it } from 'vitest';
import type { Priority } from '../../../plugin/contract.ts';
import { matchPriority, type ServerFacts } from '../../../plugin/policy/match.ts';
import type { PriorityRule } from '../../../plugin/policy/schema/priorities.ts';
import type { DailyWindow } from '../../../plugin/policy/schema/window.ts';

const server: ServerFacts = {
  name: 'db-01',
  projectId: 'billing',
  flavorName: 'm1.large',
  metadata: { 'drover:priority': 'low', tier: 'gold' },
  imageId: 'debian-12',
  availabilityZone: 'az-1',
  requesterRoles: ['member', 'admin'],
};
/** A Tuesday, 22:30 in Berlin. */
const NOW = Date.parse('2026-11-24T21:30:00Z');
const asked = { host: 'compute-1', nowMs: NOW };
const night: DailyWindow = {
  fromMinute: 22 * 60,
  toMinute: 6 * 60,
  days: [0, 1, 2, 3, 4, 5, 6],
  timeZone: 'Europe/Berlin',
};

function policyOf(...rules: PriorityRule[]) {
  return { id: 'test.yaml@0', priorities: { default: 'medium' as const, rules } };
}

function priorityBy(...rules: PriorityRule[]): Priority {
  return matchPriority(policyOf(...rules), server, asked).priority;
}

describe('matchPriority', () => {
  it.each<[string, Omit<PriorityRule, 'priority'>, boolean]>([
    ['its project', { project: ['billing'] }, true],
    ['another project', { project: ['bill'] }, false],
    ['one of several projects', { project: ['x', 'billing'] }, true],
    ['its name', { name: ['db-*'] }, true],
    ['another name', { name: ['web-*'] }, false],
    ['its flavor', { flavor: ['m1.*'] }, true],
    ['its image', { image: ['debian-*'] }, true],
    ['another image', { image: ['ubuntu'] }, false],
    ['its zone', { zone: ['az-1', 'az-2'] }, true],
    ['another zone', { zone: ['az-3'] }, false],
    ['its source', { host: ['compute-?'] }, true],
    ['another source', { host: ['compute-2'] }, false],
    ['a role of the requester', { role: ['admin'] }, true],
    ['a role that the requester has not', { role: ['reader'] }, false],
    ['a role by pattern, which roles are not', { role: ['*'] }, false],
    ['the time', { time: [night] }, true],
    ['the time elsewhere', { time: [{ ...night, timeZone: 'America/New_York' }] }, false],
    ['metadata', { metadata: { tier: 'gold' } }, true],
    ['other metadata', { metadata: { tier: 'silver' } }, false],
    ['metadata by pattern, which values are not', { metadata: { tier: '*' } }, false],
    ['metadata that every object seems to have', { metadata: { constructor: 'x' } }, false],
    ['all selectors', { project: ['billing'], name: ['db-01'], metadata: { tier: 'gold' } }, true],
    ['all selectors but one', { project: ['billing'], name: ['db-02'] }, false],
  ])('%s: %j matches: %s', (_, selectors, matches) => {
    expect(priorityBy({ ...selectors, priority: 'high' })).toBe(matches ? 'high' : 'medium');
  });

  it('matches nothing that is not known: no image, no zone, no roles, no host', () => {
    const { name, projectId, flavorName, metadata } = server;
    const unknown = { name, projectId, flavorName, metadata, imageId: null };
    for (const selectors of [{ image: ['*'] }, { zone: ['*'] }, { role: ['admin'] }, { host: ['*'] }]) {
      const found = matchPriority(policyOf({ ...selectors, priority: 'high' }), unknown, { host: null, nowMs: NOW });
      expect(found.priority).toBe('medium');
    }
  });

  it('takes the most specific rule wherever it stands, says which, and which lost and why', () => {
    const rules: PriorityRule[] = [
      { name: ['web-*'], priority: 'low' },
      { project: ['billing'], priority: 'low' },
      { project: ['billing'], name: ['db-*'], priority: 'high' },
      { name: ['db-01'], priority: 'medium' },
    ];
    const found = matchPriority(policyOf(...rules), server, asked);
    expect(found).toMatchObject({
      priority: 'high',
      index: 2,
      reason: {
        code: 'priority-rule',
        text: 'rule 3 of test.yaml@0 (name db-*, project billing): high, more specific than rule 4 of test.yaml@0 (medium): 2 selectors against 1',
      },
    });
    expect(found.lost.map(({ index, why }) => [index, why])).toEqual([
      [3, '2 selectors against 1'],
      [1, '2 selectors against 1'],
    ]);
    expect(matchPriority(policyOf(...rules.toReversed()), server, asked).priority).toBe('high');
    expect(priorityBy()).toBe('medium');
  });

  it('names the place of a rule where the loader told it', () => {
    const policy = {
      ...policyOf({ name: ['db-*'], priority: 'high' }),
      places: { 'priorities.rules[0]': 'a.yaml:7:5' },
    };
    expect(matchPriority(policy, server, asked).reason.text).toBe('rule at a.yaml:7:5 (name db-*): high');
  });
});
