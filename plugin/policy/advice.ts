import type { z } from 'zod';
import { knownKeys, nearest } from './suggest.ts';
import { find, type Path, type Place, pathText, type Traced } from './trace.ts';

/** Something wrong at a place, and what to do. */
export interface Advice {
  place: Place;
  path: string;
  message: string;
}

/** The schema that the files are checked by, and how a place reads. */
export interface Reading {
  schema: z.core.$ZodType;
  locate: (place: Place) => { file: string; line: number; column: number };
}

/** What an issue of the schema means for who wrote the files. */
export function adviceOn(root: Traced, issue: z.core.$ZodIssue, reading: Reading, under: Path = []): Advice[] {
  const path = [...under, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))];
  const { value, place } = find(root, path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      place: (value?.kind === 'map' && value.entries.get(key)?.key) || place,
      path: pathText([...path, key]),
      message: unknownKey(key, knownKeys(reading.schema, path)),
    }));
  }
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find((issues) => !issues.some((each) => isOtherKind(each, value)));
    if (meant) return meant.flatMap((each) => adviceOn(root, each, reading, path));
    const [first] = issue.errors[0] ?? [];
    if (first && issue.message === 'Invalid input') return adviceOn(root, first, reading, path);
  }
  const missing = path.length > 0 && value === null && issue.code !== 'custom';
  const message = missing ? `is missing: add it (${wordsFor(issue).replace(/^is not /, 'it is ')})` : wordsFor(issue);
  return [{ place, path: pathText(path), message: message + otherPlaces(root, issue, reading) }];
}

/** The issue says that another kind of value was meant: a list, a map, a word. */
function isOtherKind({ path, code }: z.core.$ZodIssue, value: Traced | null): boolean {
  return path.length === 0 && (code === 'invalid_type' || (code === 'invalid_value' && value?.kind !== 'scalar'));
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  if (meant) return `there is no such key: did you mean ${meant}?`;
  const list = known.length > 0 ? `; there are ${known.join(', ')}` : '';
  return `there is no such key: check the spelling, or delete it${list}`;
}

/** A rule of the schema that concerns other places too names their paths (`params.others`). */
function otherPlaces(root: Traced, issue: z.core.$ZodIssue, { locate }: Reading): string {
  const others: unknown = issue.code === 'custom' ? issue.params?.others : undefined;
  if (!Array.isArray(others)) return '';
  const texts = others.map((other: Path) => {
    const { file, line, column } = locate(find(root, other).place);
    return `${pathText(other)} at ${file}:${line}:${column}`;
  });
  return ` ${texts.join(' and ')}`;
}

function wordsFor(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    const kinds: Record<string, string> = { object: 'a map', record: 'a map', array: 'a list' };
    return `must be ${kinds[issue.expected] ?? `a ${issue.expected}`}`;
  }
  if (issue.code === 'too_small' && issue.origin === 'array') return 'an empty list matches nothing: delete the key';
  return issue.message;
}
