import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { policyJsonSchema, policySchemaText } from '../../../plugin/policy/jsonschema.ts';

const policies = new URL('../../../policies/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, policies), 'utf8');
const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(policyJsonSchema());

function problems(text: string): string[] {
  validate(parse(text));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

describe('policy.schema.json', () => {
  it('is what the language says now (npm run policy:schema writes it)', () => {
    expect(JSON.parse(read('policy.schema.json'))).toEqual(JSON.parse(policySchemaText()));
  });

  it.each(['seed.yaml', 'default.yaml'])('takes %s, which names it for editors', (name) => {
    expect(problems(read(name))).toEqual([]);
    expect(read(name).split('\n')[0]).toBe('# yaml-language-server: $schema=policy.schema.json');
  });

  it('takes a file that is only a part', () => {
    expect(
      problems('limits: { hosts: { c1: { lower: 10 Mbit, upper: 20 Mbit } } }\ncontention: { high: 80 % }\n'),
    ).toEqual([]);
  });

  it.each([
    ['an unknown key', 'maxWaits: 1 s'],
    ['an unknown key in a rule', 'priorities: { rules: [{ nam: x, priority: high }] }'],
    ['a rule without priority', 'priorities: { rules: [{ name: x }] }'],
    ['a word that is none', 'priorities: { default: urgent }'],
    ['a time without unit', 'maxWait: 30'],
    ['a wrong unit', 'floor: 300 MB'],
    ['a share as a bare number', 'contention: { moderate: 0.4 }'],
    ['memory in ambiguous units', 'postCopyGate: { minMemory: 64 MB }'],
    ['a table row without its technique', 'technique: [{ contention: low }]'],
    ['a weight below 0', 'technique: { predict: { weights: { high: { time: -1 } } } }'],
    ['a time of day that is none', 'windows: [{ priority: low, from: "25:00", to: "06:00", timeZone: UTC }]'],
    ['another version', 'version: 2'],
    ['a cap of 0', 'caps: { clusterWide: 0 }'],
  ])('refuses %s', (_, text) => {
    expect(problems(text)).not.toEqual([]);
  });
});
