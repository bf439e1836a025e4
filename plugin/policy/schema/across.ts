import type { z } from 'zod';

/** What is right in itself of a map's values; a value that is wrong, or absent, is undefined. */
export type Right<T> = { [Key in keyof T]?: T[Key] | undefined };

type Compare<T> = (right: Right<T>, context: z.RefinementCtx<T>) => void;

/**
 * For `superRefine(...across(compare))` of a map: compares values that are right although others of the map are wrong.
 * zod itself leaves a refinement out as soon as anything beneath is wrong, so that somebody who mends what is told would
 * only then be told the next thing.
 */
export function across<T extends object>(compare: Compare<T>) {
  return [
    (value: T, context: z.RefinementCtx<T>) => compare(right(value, context.issues), context),
    { when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null },
  ] as const;
}

/** As `across`, for a list: the indexes of the items of which nothing is wrong but what `but` accepts. */
export function acrossItems<T>(
  compare: (rightIndexes: number[], items: T[], context: z.RefinementCtx<T[]>) => void,
  but: (issue: z.core.$ZodRawIssue) => boolean = () => false,
) {
  return [
    (items: T[], context: z.RefinementCtx<T[]>) => {
      const wrong = new Set(context.issues.filter((issue) => !but(issue)).map(({ path }) => path?.[0]));
      compare(
        [...items.keys()].filter((index) => !wrong.has(index)),
        items,
        context,
      );
    },
    // Not of a list that is too long, which is said of the list itself.
    {
      when: ({ value, issues }: z.core.ParsePayload) =>
        Array.isArray(value) && issues.every(({ path = [] }) => path.length > 0),
    },
  ] as const;
}

/** The values of a map at `under` of which no issue tells anything. */
export function right<T extends object>(
  value: T,
  issues: readonly z.core.$ZodRawIssue[],
  under: readonly PropertyKey[] = [],
): Right<T> {
  const beneath = issues.filter(({ path = [] }) => under.every((part, index) => path[index] === part));
  const wrong = new Set(beneath.map(({ path = [] }) => path[under.length]));
  return Object.fromEntries(Object.entries(value).filter(([key]) => !wrong.has(key))) as Right<T>;
}
