import type { z } from 'zod';

/** The keys that a map at this path may have; empty where any is allowed. */
export function knownKeys(schema: z.core.$ZodType, path: readonly (string | number)[]): string[] {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'object': {
      const [part, ...rest] = path;
      if (part === undefined) return Object.keys(def.shape);
      const next = def.shape[String(part)];
      return next ? knownKeys(next, rest) : [];
    }
    case 'array':
      return path.length === 0 ? [] : knownKeys(def.element, path.slice(1));
    case 'record':
      return path.length === 0 ? [] : knownKeys(def.valueType, path.slice(1));
    case 'union':
      return def.options.flatMap((option) => knownKeys(option, path));
    case 'optional':
    case 'default':
    case 'nullable':
      return knownKeys(def.innerType, path);
    case 'pipe':
      return knownKeys(def.in, path);
    default:
      return [];
  }
}

/**
 * The known word that was probably meant; null if none is near. Letters that were left out, added, changed or swapped
 * count one each.
 *
 * | written     | known                  | meant     |
 * |-------------|------------------------|-----------|
 * | techniqe    | technique, priority    | technique |
 * | lowwer      | lower, upper           | lower     |
 * | colour      | lower, upper           | none      |
 */
export function nearest(written: string, known: readonly string[]): string | null {
  const close = known
    .map((word) => ({ word, steps: distance(written.toLowerCase(), word.toLowerCase()) }))
    .filter(({ word, steps }) => steps <= Math.max(1, Math.floor(Math.max(word.length, written.length) / 3)))
    .sort((a, b) => a.steps - b.steps);
  return close[0]?.word ?? null;
}

/** Optimal string alignment distance; a word is cut at 64 letters. */
function distance(from: string, to: string): number {
  const [a, b] = [from.slice(0, 64), to.slice(0, 64)];
  let older: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
          ? (older[j - 2] ?? 0) + 1
          : Number.POSITIVE_INFINITY;
      row.push(Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, changed, swapped));
    }
    older = above;
    above = row;
  }
  return above[b.length] ?? 0;
}
