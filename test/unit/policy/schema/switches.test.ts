import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatPolicyError, parsePolicyFiles } from '../../../../plugin/policy/load.ts';

const SEED = readFileSync(new URL('../../../../policies/seed.yaml', import.meta.url), 'utf8');
const RACK = 'switches:\n  rack-1: { hosts: compute-1*, capacity: 10 Gbit, migrations: 40 % }\n';

function load(...texts: string[]) {
  const files = texts.map((text, at) => ({ name: `${at + 1}.yaml`, text }));
  return parsePolicyFiles([{ name: 'seed.yaml', text: SEED }, ...files]);
}

function switchesOf(...texts: string[]) {
  const parsed = load(...texts);
  if ('errors' in parsed) throw new Error(parsed.errors.map(formatPolicyError).join('\n'));
  return parsed.policy.switches;
}

function errorsOf(...texts: string[]): string[] {
  const parsed = load(...texts);
  return 'errors' in parsed ? parsed.errors.map(formatPolicyError) : [];
}

describe('switches', () => {
  it('are none where nothing is said', () => {
    expect(switchesOf()).toEqual({});
  });

  it('say in plain numbers which hosts stand below them and what migrations may take each way', () => {
    expect(switchesOf(RACK)).toEqual({
      'rack-1': { hosts: ['compute-1*'], capacityBitsPerSecond: 10e9, migrationBitsPerSecond: 4e9 },
    });
    const row = 'switches: { row-1: { hosts: [a*, b?], capacity: 40 Gbit, migrations: 2.5 Gbit } }\n';
    expect(switchesOf(row)['row-1']).toMatchObject({ hosts: ['a*', 'b?'], migrationBitsPerSecond: 2.5e9 });
  });

  it('merge by name over several files, the later value counts, and each tells its place', () => {
    const parsed = load(
      RACK,
      'switches:\n  rack-1: { migrations: 1 Gbit }\n  rack-2: { hosts: b, capacity: 1 Gbit, migrations: 50 % }\n',
    );
    if ('errors' in parsed) throw new Error(parsed.errors.map(formatPolicyError).join('\n'));
    const { switches, places } = parsed.policy;
    expect(switches).toEqual({
      'rack-1': { hosts: ['compute-1*'], capacityBitsPerSecond: 10e9, migrationBitsPerSecond: 1e9 },
      'rack-2': { hosts: ['b'], capacityBitsPerSecond: 1e9, migrationBitsPerSecond: 0.5e9 },
    });
    expect(places?.['switches.rack-1.migrations']).toBe('2.yaml:2:25');
    expect(places?.['switches.rack-2']).toBe('2.yaml:3:11');
  });

  // What stands in rack-1's braces, and the errors.
  it.each([
    ['no unit', 'hosts: a, capacity: 10, migrations: 4', ['capacity: "10" is not a rate', 'migrations: "4" is not a']],
    ['a share of what', 'hosts: a, capacity: 50 %, migrations: 4 Gbit', ['capacity: "50 %" is not a rate']],
    ['nothing', 'hosts: a, capacity: 0 Gbit, migrations: 4 Gbit', ['capacity: "0 Gbit" is not a rate']],
    ['more than there is', 'hosts: a, capacity: 1 Gbit, migrations: 4 Gbit', ['migrations: is above the capacity']],
    ['next to nothing', 'hosts: a, capacity: 1 Gbit, migrations: 5 Mbit', ['migrations: is less than a migration']],
    ['a share of that', 'hosts: a, capacity: 100 Mbit, migrations: 9 %', ['migrations: is less than a migration']],
    ['no hosts', 'hosts: [], capacity: 1 Gbit, migrations: 1 Gbit', ['hosts: an empty list matches nothing']],
    ['parts that are missing', 'capacity: 1 Gbit', ['hosts: is missing', 'migrations: is missing']],
    [
      'an unknown key',
      'hosts: a, capacity: 1 Gbit, migration: 1 Gbit',
      ['migrations: is missing', 'migration: there is no such key: did you mean migrations?'],
    ],
  ])('refuse %s, with line, column and path', (_, inside, said) => {
    const errors = errorsOf(`switches:\n  rack-1: { ${inside} }\n`);
    expect(errors).toHaveLength(said.length);
    for (const text of said) {
      expect(errors).toContainEqual(expect.stringMatching(/^1\.yaml:2:\d+: switches\.rack-1\./));
      expect(errors).toContainEqual(expect.stringContaining(`: switches.rack-1.${text}`));
    }
  });

  it('are refused if a name stands twice in a file', () => {
    expect(errorsOf(`${RACK}  rack-1: { hosts: b, capacity: 1 Gbit, migrations: 1 Gbit }\n`)).toEqual([
      expect.stringMatching(/^1\.yaml:3:3: switches\.rack-1: this key stands twice in the same map: delete one$/),
    ]);
  });
});
