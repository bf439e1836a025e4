import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Document } from 'yaml';
import { parsePolicy, parsePolicyFiles } from '../../../plugin/policy/load.ts';

const SEED = readFileSync(new URL('../../../policies/seed.yaml', import.meta.url), 'utf8');
const PARTS = SEED.split(/(?=\n)/);

/** A policy or errors, never both, never neither; every error has a place in its text and says something. */
function judge(texts: string[]): 'policy' | 'errors' {
  const files = texts.map((text, index) => ({ name: `${index}.yaml`, text }));
  const parsed = parsePolicyFiles(files);
  if ('policy' in parsed) {
    expect(Object.keys(parsed)).toEqual(['policy']);
    return 'policy';
  }
  expect(parsed.errors.length).toBeGreaterThan(0);
  for (const { file, line, column, message } of parsed.errors) {
    const lines = files.find(({ name }) => name === file)?.text.split(/\r\n|[\n\r]/) ?? [];
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(lines.length + 1);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(message).not.toBe('');
    expect(message).not.toContain('Invalid input');
  }
  return 'errors';
}

describe('any text', () => {
  it('is refused with errors, never by an exception', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: fc.constantFrom(...'{}[]:,&*!|>-#"\' \n\tab1%'), maxLength: 80 }),
    );
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 3 }), (texts) => {
        expect(judge(texts)).toBe('errors');
      }),
      { numRuns: 500 },
    );
  });
});

describe('any YAML', () => {
  const keys = [
    'version',
    'priorities',
    'rules',
    'limits',
    'default',
    'hosts',
    'technique',
    'predict',
    'weights',
    'windows',
    'caps',
    'clusters',
    'lower',
    'constructor',
    'x',
  ];
  const word = fc.constantFrom('high', 'in-in', 'pre-copy', '5 %', '1 s', '300 Mbit', '22:00', 'UTC', '', '*');
  const leaf = fc.oneof(word, fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie('tree'), { maxKeys: 4 }),
    ),
  }));

  it('alone is refused, as a part over seed.yaml is taken whole or refused whole', () => {
    fc.assert(
      fc.property(tree, (value) => {
        const text = new Document(value).toString();
        expect(judge([text])).toBe('errors');
        judge([SEED, text]);
      }),
      { numRuns: 300 },
    );
  });

  it('leaves the values of seed.yaml as they are where it says nothing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000_000 }), fc.integer({ min: 1, max: 1000 }), (downtime, cap) => {
        const overlay = `downtime: ${downtime} ms\ncaps: { clusterWide: ${cap} }\n`;
        const parsed = parsePolicyFiles([
          { name: 'seed.yaml', text: SEED },
          { name: 'site.yaml', text: overlay },
        ]);
        const seed = parsePolicy(SEED, 'seed.yaml');
        if (!('policy' in parsed && 'policy' in seed)) throw new Error('both are right');
        const { id: _id, places: _places, ...rest } = parsed.policy;
        const { id: _seedId, places: _seedPlaces, ...seedRest } = seed.policy;
        expect(rest).toEqual({ ...seedRest, downtimeMs: downtime, caps: { parallelPerLink: 4, clusterWide: cap } });
      }),
      { numRuns: 50 },
    );
  });
});

describe('a damaged seed.yaml', () => {
  it('is taken whole or refused with the place of every error', () => {
    const line = fc.integer({ min: 0, max: PARTS.length - 1 });
    const damage = fc.oneof(
      fc.record({ line, with: fc.constant('') }),
      fc.record({ line, with: fc.string({ unit: 'grapheme-ascii', maxLength: 20 }).map((text) => `\n${text}`) }),
      fc.record({ line, with: line.map((other) => PARTS[other] ?? '') }),
    );
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (damages) => {
        const parts = [...PARTS];
        for (const each of damages) parts[each.line] = each.with;
        judge([parts.join('')]);
      }),
      { numRuns: 400 },
    );
  });
});
