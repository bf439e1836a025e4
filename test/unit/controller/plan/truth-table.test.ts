import { describe, expect, it } from 'vitest';
import type { Classification, Cluster, Contention, Priority, Scenario } from '../../../../plugin/contract.ts';
import { chooseStrategy } from '../../../../plugin/controller/plan/strategy.ts';
import { chooseTechnique, type PostCopyFacts } from '../../../../plugin/controller/plan/technique.ts';
import { NOW, seedPolicy } from './worlds.ts';

/*
 * Algorithm 1 written out by hand from the thesis' table, all 108 cells: P pre-copy, O post-copy, H hybrid-copy.
 * Columns: inbound outbound idle. The policy file is not looked at here.
 */
const TABLE: [Contention, Priority, Scenario, string][] = [
  ['low', 'high', 'in-in', 'P P P'],
  ['low', 'high', 'in-out', 'P P P'],
  ['low', 'high', 'out-in', 'P P P'],
  ['low', 'high', 'out-out', 'P P P'],
  ['low', 'medium', 'in-in', 'P P P'],
  ['low', 'medium', 'in-out', 'P P P'],
  ['low', 'medium', 'out-in', 'P P P'],
  ['low', 'medium', 'out-out', 'P P P'],
  ['low', 'low', 'in-in', 'P P P'],
  ['low', 'low', 'in-out', 'P P P'],
  ['low', 'low', 'out-in', 'P P P'],
  ['low', 'low', 'out-out', 'P P P'],
  ['moderate', 'high', 'in-in', 'P H H'],
  ['moderate', 'high', 'in-out', 'H H H'],
  ['moderate', 'high', 'out-in', 'H H H'],
  ['moderate', 'high', 'out-out', 'H P H'],
  ['moderate', 'medium', 'in-in', 'P H H'],
  ['moderate', 'medium', 'in-out', 'H H H'],
  ['moderate', 'medium', 'out-in', 'H H H'],
  ['moderate', 'medium', 'out-out', 'H P H'],
  ['moderate', 'low', 'in-in', 'P H H'],
  ['moderate', 'low', 'in-out', 'H H H'],
  ['moderate', 'low', 'out-in', 'H H H'],
  ['moderate', 'low', 'out-out', 'H P H'],
  ['high', 'high', 'in-in', 'O H H'],
  ['high', 'high', 'in-out', 'H H H'],
  ['high', 'high', 'out-in', 'O H H'],
  ['high', 'high', 'out-out', 'H H H'],
  ['high', 'medium', 'in-in', 'H H H'],
  ['high', 'medium', 'in-out', 'H H H'],
  ['high', 'medium', 'out-in', 'H H H'],
  ['high', 'medium', 'out-out', 'H H H'],
  ['high', 'low', 'in-in', 'H H H'],
  ['high', 'low', 'in-out', 'H H H'],
  ['high', 'low', 'out-in', 'H H H'],
  ['high', 'low', 'out-out', 'H H H'],
];
const LETTERS: Record<string, string> = { P: 'pre-copy', O: 'post-copy', H: 'hybrid-copy' };
const CLUSTERS: Cluster[] = ['inbound', 'outbound', 'idle'];

const STRATEGIES: [Priority, Contention, string][] = [
  ['high', 'low', 'parallel'],
  ['high', 'moderate', 'parallel'],
  ['high', 'high', 'parallel'],
  ['medium', 'low', 'parallel'],
  ['medium', 'moderate', 'parallel'],
  ['medium', 'high', 'serial'],
  ['low', 'low', 'parallel'],
  ['low', 'moderate', 'serial'],
  ['low', 'high', 'serial'],
];

const end = (host: string) => ({ host, permitted: true, why: '', linkLostAtMs: null });
const free: PostCopyFacts = {
  hosts: [end('compute-1'), end('compute-2')],
  blockers: [],
  paused: false,
  metadata: {},
  memoryBytes: 2 ** 30,
  never: null,
};
const policy = seedPolicy();

describe('seed.yaml, technique', () => {
  const cells = TABLE.flatMap(([contention, priority, scenario, row]) =>
    row.split(' ').map((letter, column) => ({
      contention,
      priority,
      scenario,
      cluster: CLUSTERS[column] as Cluster,
      wanted: LETTERS[letter],
    })),
  );

  it('has 108 different cells', () => {
    expect(new Set(cells.map((cell) => JSON.stringify({ ...cell, wanted: '' }))).size).toBe(4 * 3 * 3 * 3);
  });

  it.each(cells)('$contention contention, $priority priority, $scenario, $cluster: $wanted', (cell) => {
    const { contention, priority, scenario, cluster, wanted } = cell;
    const classification = { utilisation: 0.5, contention, scenario, cluster };
    const { technique, reasons, alternatives } = chooseTechnique(policy, { priority, classification }, NOW, free);
    expect(technique).toBe(wanted);
    expect(reasons.map(({ code }) => code)).toEqual(['technique-row']);
    expect([technique, ...alternatives.map((other) => other.technique)].sort()).toEqual(Object.values(LETTERS).sort());
  });
});

describe('seed.yaml, strategy', () => {
  it.each(STRATEGIES)('%s priority, %s contention: %s', (priority, contention, wanted) => {
    const { strategy, reason, alternatives } = chooseStrategy(policy, { priority, contention });
    expect(strategy).toBe(wanted);
    expect(reason.code).toBe('strategy-row');
    expect(alternatives).toEqual([
      {
        strategy: wanted === 'serial' ? 'parallel' : 'serial',
        reason: { code: 'no-row', text: expect.stringContaining('no row that matches names') },
      },
    ]);
  });
});

describe('the gate before post-copy', () => {
  const classification: Classification = {
    utilisation: 0.9,
    contention: 'high',
    scenario: 'in-in',
    cluster: 'inbound',
  };
  const minute = 60_000;
  const cases: [string, Partial<PostCopyFacts>, string][] = [
    ['forbidden on the source', { hosts: [{ ...end('a'), permitted: false }, end('b')] }, 'post-copy-not-permitted'],
    [
      'forbidden on the destination',
      { hosts: [end('a'), { ...end('b'), permitted: false }] },
      'post-copy-not-permitted',
    ],
    ['unknown on the destination', { hosts: [end('a'), { ...end('b'), permitted: null }] }, 'post-copy-unknown'],
    ['no destination known', { hosts: [end('a')] }, 'post-copy-unknown'],
    ['devices unknown', { blockers: null }, 'post-copy-unknown'],
    ['a device in the way', { blockers: ['VFIO device 0000:01:00.0'] }, 'post-copy-blocked'],
    ['paused', { paused: true }, 'guest-paused'],
    ['named in the policy', { never: 'flavor gpu.*' }, 'post-copy-never'],
    ['marked never', { metadata: { 'drover:postcopy': 'never' } }, 'post-copy-never'],
    ['link lost 10 min ago', { hosts: [end('a'), { ...end('b'), linkLostAtMs: NOW - 10 * minute }] }, 'link-lost'],
  ];

  it.each(cases)('%s: pre-copy, with its reason', (_, facts, code) => {
    for (const priority of ['high', 'low'] as const) {
      const chosen = chooseTechnique(policy, { priority, classification }, NOW, { ...free, ...facts });
      expect(chosen.technique).toBe('pre-copy');
      expect(chosen.alternatives[0]).toMatchObject({
        technique: priority === 'high' ? 'post-copy' : 'hybrid-copy',
        reason: { code },
      });
      expect(chosen.alternatives).toHaveLength(2);
      expect(chosen.reasons.map((reason) => reason.code)).toEqual(['technique-row', code]);
      expect(chosen.reasons[1]?.text).toContain(
        priority === 'high' ? 'instead of post-copy' : 'instead of hybrid-copy',
      );
    }
  });

  it('opens again when the loss is longer ago, or the mark says something else', () => {
    const hosts = [end('a'), { ...end('b'), linkLostAtMs: NOW - 10 * minute - 1 }];
    const facts = { ...free, hosts, metadata: { 'drover:postcopy': 'yes' } };
    expect(chooseTechnique(policy, { priority: 'high', classification }, NOW, facts).technique).toBe('post-copy');
  });

  it('says nothing of pre-copy', () => {
    const calm = { ...classification, contention: 'low' as const };
    const facts = { ...free, paused: true };
    expect(chooseTechnique(policy, { priority: 'high', classification: calm }, NOW, facts).reasons).toHaveLength(1);
  });
});
