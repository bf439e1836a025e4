import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseUnambiguousJson } from '../../../plugin/proxy/json.ts';

const parse = (text: string) => parseUnambiguousJson(new TextEncoder().encode(text));

test('it reads what JSON.parse reads', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(parse(text)).toEqual(JSON.parse(text));
    }),
  );
});

test.each([
  '{"a": 1, "a": 1}',
  '{"a": {"b": 1, "c": 2, "b": 3}}',
  '[{"a": 1}, {"a": 1, "\\u0061": 2}]',
  '{"a": "x", "b": {"a": 1}, "a": 1}',
  '{"": 1, "": 2}',
  '{"a\\"": 1, "a\\u0022": 2}',
])('%s has a member twice', (text) => {
  expect(parse(text)).toBeUndefined();
});

test.each([
  '{"a": {"a": {"a": 1}}}',
  '[{"a": 1}, {"a": 1}]',
  '{"a": "a", "b": "a:", "c": "\\"a\\":"}',
  '{"{": "}", "}": "{"}',
  '{"a\\\\": 1, "a": 2}',
])('%s has none twice', (text) => {
  expect(parse(text)).toEqual(JSON.parse(text));
});

test('NaN and Infinity, which Python reads, are no JSON here', () => {
  expect(parse('{"a": NaN}')).toBeUndefined();
  expect(parse('{"a": Infinity}')).toBeUndefined();
});
