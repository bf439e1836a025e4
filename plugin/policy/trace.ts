import { type Document, isAlias, isMap, isScalar, isSeq } from 'yaml';

/** A place in one of the files of a policy: the file's index and the offset in its text. */
export interface Place {
  file: number;
  at: number;
}

export type Path = readonly (string | number)[];

/** What a file says, with the place of every value and key. */
export type Traced =
  | { kind: 'map'; place: Place; entries: Map<string, { key: Place; value: Traced }> }
  | { kind: 'list'; place: Place; items: Traced[] }
  | { kind: 'scalar'; place: Place; value: unknown };

/** Thrown by `trace` for what no person wrote by hand. */
export class TraceError extends Error {
  readonly place: Place;

  constructor(place: Place, message: string) {
    super(message);
    this.place = place;
  }
}

/** Aliases are written out; a document that grows beyond this is an alias bomb. */
const MOST_VALUES = 100_000;
const MOST_DEPTH = 50;

/** @throws TraceError for aliases that lead to themselves, bombs and very deep nesting. */
export function trace(document: Document, file: number): Traced {
  let values = 0;
  return of(document.contents, 0, { file, at: 0 });

  function of(node: unknown, depth: number, above: Place): Traced {
    const place = isMap(node) || isSeq(node) || isScalar(node) || isAlias(node) ? placeOf(node, above) : above;
    if (depth > MOST_DEPTH) throw new TraceError(place, `nested deeper than ${MOST_DEPTH}, or an alias within itself`);
    if (++values > MOST_VALUES)
      throw new TraceError(
        place,
        `more than ${MOST_VALUES} values, its aliases written out: write those that are needed, without aliases`,
      );
    if (isAlias(node)) {
      const meant = node.resolve(document);
      if (meant === undefined) throw new TraceError(place, `there is no anchor &${node.source}`);
      return of(meant, depth + 1, place);
    }
    if (isMap(node)) {
      const entries = new Map<string, { key: Place; value: Traced }>();
      for (const { key, value } of node.items) {
        // Other keys are refused by themselves (oddities.ts).
        if (!isScalar(key) || typeof key.value !== 'string' || key.value === '__proto__') continue;
        const keyPlace = placeOf(key, place);
        entries.set(key.value, { key: keyPlace, value: of(value, depth + 1, keyPlace) });
      }
      return { kind: 'map', place, entries };
    }
    if (isSeq(node)) return { kind: 'list', place, items: node.items.map((item) => of(item, depth + 1, place)) };
    return { kind: 'scalar', place, value: isScalar(node) ? node.value : null };
  }

  function placeOf({ range }: { range?: readonly number[] | null | undefined }, above: Place): Place {
    return range?.[0] === undefined ? above : { file, at: range[0] };
  }
}

/** Lists of rules, all of which stay when files are merged; other lists are tables, and the later file's counts. */
export const RULE_LISTS = ['priorities.rules', 'windows', 'postCopyGate.never'];

/**
 * The later file over the earlier one: maps are merged key by key, rule lists stand one after the other, and of all
 * else the later counts.
 */
export function merge(earlier: Traced, later: Traced, path: Path = []): Traced {
  if (earlier.kind === 'map' && later.kind === 'map') {
    const entries = new Map(earlier.entries);
    for (const [key, entry] of later.entries) {
      const before = earlier.entries.get(key);
      entries.set(key, before ? { key: entry.key, value: merge(before.value, entry.value, [...path, key]) } : entry);
    }
    return { kind: 'map', place: earlier.place, entries };
  }
  if (earlier.kind === 'list' && later.kind === 'list' && RULE_LISTS.includes(pathText(path))) {
    return { kind: 'list', place: earlier.place, items: [...earlier.items, ...later.items] };
  }
  return later;
}

/** As plain objects, lists and scalars. */
export function plain(traced: Traced): unknown {
  if (traced.kind === 'map') {
    return Object.fromEntries([...traced.entries].map(([key, { value }]) => [key, plain(value)]));
  }
  return traced.kind === 'list' ? traced.items.map(plain) : traced.value;
}

/** The value at the path, or null where there is none, and the place of the nearest thing above it that there is. */
export function find(root: Traced, path: Path): { value: Traced | null; place: Place } {
  let value: Traced = root;
  let place = root.place;
  for (const part of path) {
    const next: Traced | undefined =
      value.kind === 'map'
        ? value.entries.get(String(part))?.value
        : value.kind === 'list' && typeof part === 'number'
          ? value.items[part]
          : undefined;
    if (!next) return { value: null, place };
    value = next;
    place = next.place;
  }
  return { value, place };
}

/** `technique[0].contention` */
export function pathText(path: Path): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text ? `${text}.${part}` : part),
    '',
  );
}

/** The place of every value, by path. */
export function placesOf(root: Traced): Map<string, Place> {
  const places = new Map<string, Place>();
  const walk = (traced: Traced, path: Path) => {
    if (path.length > 0) places.set(pathText(path), traced.place);
    if (traced.kind === 'map') for (const [key, { value }] of traced.entries) walk(value, [...path, key]);
    else if (traced.kind === 'list') for (const [index, item] of traced.items.entries()) walk(item, [...path, index]);
  };
  walk(root, []);
  return places;
}
