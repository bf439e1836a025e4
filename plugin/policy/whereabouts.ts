import { type Document, isMap, isNode, isScalar, isSeq } from 'yaml';
import { find, type Path, pathText, RULE_LISTS, type Traced } from './trace.ts';

/**
 * The path of what stands at an offset of a document's text: the value itself, its tag or its key.
 *
 * | text               | offset of | path  |
 * |--------------------|-----------|-------|
 * | `a: { b: .nan }`   | `.nan`    | a.b   |
 * | `a: [x, !env y]`   | `!env`    | a[1]  |
 * | `a: 1`             | `a`       | a     |
 * | `a: { 7: x }`      | `7`       | a     |
 */
export function pathAt({ contents }: Document, at: number): Path {
  return below(contents, at, []);
}

function below(node: unknown, at: number, path: Path): Path {
  if (isMap(node)) {
    const pair = node.items.findLast(({ key }) => isNode(key) && (key.range?.[0] ?? Number.POSITIVE_INFINITY) <= at);
    // A key that is no text is refused by itself (oddities.ts) and names nothing.
    if (!pair || !isScalar(pair.key) || typeof pair.key.value !== 'string') return path;
    return below(pair.value, at, [...path, pair.key.value]);
  }
  if (isSeq(node)) {
    const index = node.items.findIndex((item) => isNode(item) && (item.range?.[2] ?? 0) > at);
    return index < 0 ? path : below(node.items[index], at, [...path, index]);
  }
  return path;
}

/** The path that a file's own one has after its rule lists were put behind those of the files before it. */
export function pathAfter(earlier: readonly Traced[], path: Path): Path {
  const length = RULE_LISTS.map((list) => list.split('.')).find(
    (list) => pathText(path.slice(0, list.length)) === list.join('.'),
  )?.length;
  const index = length === undefined ? undefined : path[length];
  if (length === undefined || typeof index !== 'number') return path;
  const before = earlier.reduce((sum, part) => {
    const { value } = find(part, path.slice(0, length));
    return sum + (value?.kind === 'list' ? value.items.length : 0);
  }, 0);
  return [...path.slice(0, length), before + index, ...path.slice(length + 1)];
}
