import { z } from 'zod';
import { uncoveredCells, unreachableRows } from '../table.ts';
import { acrossItems } from './across.ts';

/** A text that YAML reads as a text. */
export const Text = z.string({ error: 'is not a text: write it in quotes' }).min(1, 'is empty');

/** One value or a list of them; the result is a list. */
export function oneOrMany<T extends z.ZodType>(schema: T) {
  return z.union([schema, z.array(schema).min(1)]).transform((value): z.output<T>[] => {
    return (Array.isArray(value) ? value : [value]) as z.output<T>[];
  });
}

/** One value or a list of them; absent means any of `values`. */
export function anyOf<T extends string>(schema: z.ZodType<T>, values: readonly T[]) {
  return oneOrMany(schema).default([...values]);
}

/**
 * For `superRefine`: checks that the rows decide every combination, and that each row can be reached. Where what one
 * decides is wrong, what it matches is known all the same; a row of which that is not known is left out, and may be the
 * one that decides what no other does.
 */
export function total<Row extends object>(domain: Record<string, readonly string[]>) {
  const isOfResult = ({ code, path = [] }: z.core.$ZodRawIssue) =>
    code !== 'unrecognized_keys' && path.length > 1 && !Object.hasOwn(domain, String(path[1]));
  return acrossItems<Row>((known, all, context) => {
    const rows = known.flatMap((index) => all[index] ?? []);
    const cells = known.length === all.length ? uncoveredCells(domain, rows) : [];
    const [first] = cells;
    if (first) {
      const text = Object.entries(first).map(([key, value]) => `${key} ${value}`);
      context.addIssue({
        code: 'custom',
        message: `${cells.length} combination(s) are not decided, the first is ${text.join(', ')}: add a row for them at the end`,
      });
    }
    for (const index of unreachableRows(domain, rows)) {
      context.addIssue({
        code: 'custom',
        path: known.slice(index, index + 1),
        message: 'this row can never be reached, rows above it decide everything it matches: delete it or move it up',
      });
    }
  }, isOfResult);
}
