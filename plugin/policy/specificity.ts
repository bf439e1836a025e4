import { globSet, globSetsOverlap } from './glob.ts';
import { SELECTORS, type Selector, type Selectors } from './schema/selectors.ts';
import { windowsOverlap } from './window.ts';

/** How closely a selector picks: not at all, by a pattern (or a time), by exact values. */
const NONE = 0;
const PATTERN = 1;
const EXACT = 2;

/**
 * How specific a rule is, as numbers to be compared from the left; the higher one wins. First the number of selectors
 * (each key of metadata is one), then how many of them are exact, then the selectors in the order of SELECTORS, the
 * exact one before the pattern.
 *
 * | rule a                        | rule b                         | wins                                  |
 * |-------------------------------|--------------------------------|---------------------------------------|
 * | project x, flavor m1.*        | name db-01                     | a: two selectors                      |
 * | flavor m1.large               | name db-*                      | a: exact beats pattern                |
 * | project x                     | name db-01                     | b: name stands before project         |
 * | name db-*                     | name *-01                      | neither: if priorities differ, refused |
 */
export function specificity(rule: Selectors): number[] {
  const keys = Object.keys(rule.metadata ?? {}).length;
  const grades = SELECTORS.map((selector) => gradeOf(rule, selector));
  const others = grades.filter((grade, index) => grade !== NONE && SELECTORS[index] !== 'metadata').length;
  const exact = grades.filter((grade, index) => grade === EXACT && SELECTORS[index] !== 'metadata').length;
  return [others + keys, exact + keys, ...grades];
}

/** Above 0 if `a` is more specific, below if `b` is, 0 if they tie. */
export function compareSpecificity(a: Selectors, b: Selectors): number {
  return compareNumbers(specificity(a), specificity(b));
}

/** The same of two `specificity`s. */
export function compareNumbers(a: readonly number[], b: readonly number[]): number {
  for (const [index, each] of a.entries()) if (each !== b[index]) return each - (b[index] ?? 0);
  return 0;
}

/** Why the winner is more specific, in words; empty for a tie. */
export function whyMoreSpecific(winner: Selectors, loser: Selectors): string {
  const [a, b] = [specificity(winner), specificity(loser)];
  const index = a.findIndex((each, at) => each !== b[at]);
  if (index < 0) return '';
  if (index === 0) return `${a[0]} selectors against ${b[0]}`;
  if (index === 1) return `${a[1]} exact selectors against ${b[1]}`;
  const selector = SELECTORS[index - 2] as Selector;
  return gradeOf(loser, selector) === NONE
    ? `it selects by ${selector}, which goes before what the other selects by`
    : `its ${selector} is exact, the other's is a pattern`;
}

function gradeOf(rule: Selectors, selector: Selector): number {
  if (selector === 'metadata') return Object.keys(rule.metadata ?? {}).length > 0 ? EXACT : NONE;
  if (selector === 'time') return rule.time ? PATTERN : NONE;
  const values = rule[selector];
  if (!values) return NONE;
  return selector !== 'role' && globSet(values).patterns.length > 0 ? PATTERN : EXACT;
}

/** True if some server, asked for by somebody at some time, matches both rules. */
export function canBothMatch(a: Selectors, b: Selectors): boolean {
  return SELECTORS.every((selector) => {
    if (selector === 'metadata') return metadataAgree(a.metadata ?? {}, b.metadata ?? {});
    // One requester may have both roles.
    if (selector === 'role') return true;
    if (selector === 'time') return anyPair(a.time, b.time, windowsOverlap);
    const [ours, theirs] = [a[selector], b[selector]];
    return !ours || !theirs || globSetsOverlap(globSet(ours), globSet(theirs));
  });
}

function metadataAgree(a: Record<string, string>, b: Record<string, string>): boolean {
  return Object.entries(a).every(([key, value]) => !Object.hasOwn(b, key) || b[key] === value);
}

function anyPair<T>(a: readonly T[] | undefined, b: readonly T[] | undefined, meet: (a: T, b: T) => boolean): boolean {
  return !a || !b || a.some((one) => b.some((other) => meet(one, other)));
}

/** Pairs of rules that tie, can match the same server and say different things, by their indexes. */
export function contradictions<Rule extends Selectors & { priority: string }>(
  rules: readonly Rule[],
): [number, number][] {
  const alike = new Map<string, number[]>();
  const found: [number, number][] = [];
  rules.forEach((rule, index) => {
    const key = specificity(rule).join();
    const earlier = alike.get(key) ?? [];
    for (const other of earlier) {
      const before = rules[other];
      if (before && before.priority !== rule.priority && canBothMatch(before, rule)) found.push([other, index]);
    }
    alike.set(key, [...earlier, index]);
  });
  return found;
}
