import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatPolicyError, type ParsedPolicy, parsePolicyFiles } from '../../../plugin/policy/load.ts';
import { matchPriority } from '../../../plugin/policy/match.ts';

const SEED = readFileSync(new URL('../../../policies/seed.yaml', import.meta.url), 'utf8');

function load(...texts: string[]): ParsedPolicy {
  const [base = '', ...others] = texts;
  const named = others.map((text, index) => ({ name: `/etc/drover/policy/${index + 1}.yaml`, text }));
  return parsePolicyFiles([{ name: '/etc/drover/policy/seed.yaml', text: base }, ...named]);
}

function policyOf(...overlays: string[]) {
  const parsed = load(SEED, ...overlays);
  if ('errors' in parsed) throw new Error(parsed.errors.map(formatPolicyError).join('\n'));
  return parsed.policy;
}

function errorsOf(...texts: string[]): string[] {
  const parsed = load(...texts);
  return 'errors' in parsed ? parsed.errors.map(formatPolicyError) : [];
}

describe('parsePolicyFiles', () => {
  it('merges maps, takes the later value, and keeps all else', () => {
    const { contention, limits, downtimeMs, maxWaitMs } = policyOf(
      'contention: { high: 80 % }\nlimits: { hosts: { compute-1: { lower: 100 Mbit, upper: 300 Mbit } } }\n',
      'downtime: 200 ms\ncontention: { high: 90 % }\nlimits: { hosts: { compute-2: { nics: { bond0: { lower: 1 %, upper: 2 % } } } } }\n',
    );
    expect(contention).toEqual({ moderate: 0.4, high: 0.9, hysteresis: 0.05 });
    expect(Object.keys(limits.hosts)).toEqual(['compute-1', 'compute-2']);
    expect(limits.default.lower).toEqual({ kind: 'share', fraction: 0.2 });
    expect({ downtimeMs, maxWaitMs }).toEqual({ downtimeMs: 200, maxWaitMs: 1_800_000 });
  });

  it('puts rule lists one after the other, and names the file of each rule', () => {
    const policy = policyOf('priorities: { rules: [{ name: db-*, priority: high }] }\n');
    expect(policy.priorities.rules).toHaveLength(4);
    const server = { name: 'db-1', projectId: 'p', flavorName: 'f', metadata: {} };
    const { reason } = matchPriority(policy, server, { host: null, nowMs: 0 });
    expect(reason.text).toBe('rule at 1.yaml:1:23 (name db-*): high');
  });

  it('replaces tables as a whole, and a table by a prediction', () => {
    expect(policyOf('technique: [{ technique: pre-copy }]\n').technique).toMatchObject({
      rows: [{ technique: 'pre-copy' }],
    });
    const weights = '{ time: 1 }';
    const predict = `technique: { predict: { weights: { high: ${weights}, medium: ${weights}, low: ${weights} } } }\n`;
    const merged = policyOf(predict, 'technique: { predict: { weights: { low: { bytes: 2 } }, margin: 10 % } }\n');
    expect(merged.technique).toMatchObject({
      kind: 'predict',
      margin: 0.1,
      weights: { high: { time: 1, bytes: 0 }, low: { time: 1, bytes: 2 } },
    });
  });

  it('names the policy by its files and by their content and order', () => {
    const [a, b] = ['downtime: 200 ms\n', 'maxWait: 1 h\n'];
    const ids = [policyOf(a, b), policyOf(b, a), policyOf(a, `${b}#\n`), policyOf(a)].map(({ id }) => id);
    expect(ids[0]).toMatch(/^seed\.yaml\+1\.yaml\+2\.yaml@[0-9a-f]{8}$/);
    expect(new Set(ids).size).toBe(4);
  });

  it('tells every error of every file, each in its own file', () => {
    expect(
      errorsOf(
        SEED.replace('floor: 1 %', 'floor: 5'),
        'maxWait: 30\ncontentoin: {}\n',
        'caps: { perSource: 0, x: 1 }\n',
      ),
    ).toEqual([
      expect.stringMatching(/^seed\.yaml:\d+:8: floor: /),
      expect.stringMatching(/^1\.yaml:1:10: maxWait: "30" is not a time/),
      '1.yaml:2:1: contentoin: there is no such key: did you mean contention?',
      '2.yaml:1:20: caps.perSource: must be at least 1, or nothing would ever start',
      expect.stringMatching(/^2\.yaml:1:23: caps\.x: there is no such key/),
    ]);
  });

  it('counts the rules of all files in the path of what YAML itself refuses', () => {
    expect(
      errorsOf(SEED, 'priorities: { rules: [{ name: a, priority: high }, { name: .nan, priority: low }] }\n'),
    ).toEqual([expect.stringMatching(/^1\.yaml:1:60: priorities\.rules\[4\]\.name: \.nan is not a number/)]);
  });

  it('tells the syntax errors of all files', () => {
    expect(errorsOf(SEED, 'a: [1\n', 'b: {2\n').map((error) => error.split(':')[0])).toEqual(
      expect.arrayContaining(['1.yaml', '2.yaml']),
    );
  });

  it('tells beside the broken syntax of one file what is wrong in the others, but not what the broken one may have', () => {
    const errors = errorsOf(
      SEED.replace('floor: 1 %', 'floor: 5').replace('maxWait: 30 min\n', ''),
      'a: [1\n',
      'x: 1\n',
    );
    const [first, second, third, ...more] = errors.filter((error) => !error.startsWith('1.yaml'));
    expect(first).toMatch(/^seed\.yaml:\d+:8: floor: "5" is not a bandwidth/);
    expect(second).toMatch(/^2\.yaml:1:1: x: there is no such key/);
    expect([third, more]).toEqual([undefined, []]);
    expect(errors.some((error) => error.startsWith('1.yaml:'))).toBe(true);
  });

  it('tells what is missing after merging as an error of the first file', () => {
    const errors = errorsOf('version: 1\n', 'maxWait: 1 s\n');
    expect(errors).toContainEqual(expect.stringMatching(/^seed\.yaml:1:1: priorities: is missing: add it/));
    expect(errors.some((error) => error.includes('maxWait'))).toBe(false);
  });

  it('judges what comes together only by merging: lower of one file above upper of another', () => {
    expect(errorsOf(SEED, 'limits: { default: { lower: 70 % } }\n')).toEqual([
      '1.yaml:1:29: limits.default.lower: lower is above upper: swap or correct them',
    ]);
    expect(errorsOf(SEED, 'limits: { default: { upper: 1 Gbit } }\n')).toEqual([
      expect.stringMatching(/^1\.yaml:1:29: limits\.default\.upper: .*mixed units/),
    ]);
  });

  it('refuses two rules that tie, can meet and contradict, and names both places', () => {
    const one = 'priorities:\n  rules:\n    - { name: db-*, priority: high }\n';
    const two = 'priorities: { rules: [{ name: "*-01", priority: low }] }\n';
    const [error, ...more] = errorsOf(SEED, one, two);
    expect(error).toMatch(/^2\.yaml:1:23: priorities\.rules\[4\]: as specific as another rule/);
    expect(error).toMatch(/says high, this one low: .*the other is priorities\.rules\[3\] at 1\.yaml:3:7$/);
    expect(more).toEqual([]);
    expect(errorsOf(SEED, one, two.replace('low', 'high'))).toEqual([]);
    expect(errorsOf(SEED, one, two.replace('"*-01"', 'web-*'))).toEqual([]);
  });

  it.each([
    ['nothing', ''],
    ['a comment', '# later\n'],
    ['a list', '- 1\n'],
    ['another document', '---\nversion: 1\n---\nversion: 1\n'],
    ['an alias within itself', 'limits: &a { hosts: *a }\n'],
    ['an alias to nowhere', 'limits: *b\n'],
  ])('refuses a file of the set that holds %s', (_, text) => {
    expect(errorsOf(SEED, text)).toContainEqual(expect.stringMatching(/^1\.yaml:\d+:\d+: /));
  });

  it('calls files by their folder where two have the same name', () => {
    const parsed = parsePolicyFiles([
      { name: 'a/x.yaml', text: SEED },
      { name: 'b/x.yaml', text: 'maxWait: 1\n' },
    ]);
    expect('errors' in parsed && parsed.errors[0]?.file).toBe('b/x.yaml');
  });
});
