import { globCovers, globSet } from './glob.ts';
import { SELECTORS, type Selector, type Selectors } from './schema/selectors.ts';
import { isWithin, weekOf } from './week.ts';

/** Every server has these; what is not known, or not there (an image), matches no selector. */
const ALWAYS_KNOWN: readonly Selector[] = ['name', 'flavor', 'project'];

/**
 * True only if `wide` matches every server that `narrow` does, whoever asks and when. It is no proof of the contrary: two
 * patterns that together cover a third, or windows of two zones, are not looked for.
 *
 * | wide                     | narrow                    | covers |
 * |--------------------------|---------------------------|--------|
 * | name `db-*`              | name `db-0?`, flavor `m1` | yes    |
 * | name `*`                 | project `x`               | yes    |
 * | image `*`                | project `x`               | no: it may have none |
 * | role `a` or `b`          | role `a`                  | yes    |
 */
export function covers(wide: Selectors, narrow: Selectors): boolean {
  return SELECTORS.every((selector) => {
    if (selector === 'metadata') {
      const given = narrow.metadata ?? {};
      return Object.entries(wide.metadata ?? {}).every(
        ([key, value]) => Object.hasOwn(given, key) && given[key] === value,
      );
    }
    if (selector === 'time') return !wide.time || timesWithin(narrow.time, wide.time);
    const [outer, inner] = [wide[selector], narrow[selector]];
    if (!outer) return true;
    if (selector === 'role') return inner?.every((role) => outer.includes(role)) ?? false;
    if (!inner) return ALWAYS_KNOWN.includes(selector) && outer.some((glob) => /^\*+$/.test(glob));
    const { exact, patterns } = globSet(outer);
    return inner.every((glob) => exact.has(glob) || patterns.some((pattern) => globCovers(pattern, glob)));
  });
}

function timesWithin(inner: Selectors['time'], outer: NonNullable<Selectors['time']>): boolean {
  const together = inner && weekOf([...inner, ...outer]);
  if (!together) return false;
  return isWithin(weekOf(inner) ?? [], weekOf(outer) ?? []);
}
