import { z } from 'zod';
import { Priority, Role } from '../../contract.ts';
import { globSet } from '../glob.ts';
import { contradictions } from '../specificity.ts';
import { acrossItems } from './across.ts';
import { mustSelect, type Selectors, selectorShape } from './selectors.ts';

/** So many rules are compared with each other at load without a noticeable pause. */
const MOST_RULES = 1000;
/** So many patterns with `*` or `?` likewise; exact names cost next to nothing. */
const MOST_PATTERNS = 10_000;
/** So many of those that a rule contradicts are named. */
const MOST_NAMED = 5;

const PriorityRule = z
  .strictObject({ ...selectorShape, priority: Priority })
  .refine(
    ...mustSelect(
      'this rule selects nothing: name project, name, flavor, image, host, zone, metadata, role or time, or set priorities.default instead',
    ),
  );
export type PriorityRule = z.infer<typeof PriorityRule>;

/** Who is urgent: the most specific rule that matches, else the default. */
export const Priorities = z.strictObject({
  default: Priority,
  /** The least role of the control API that may ask for a priority there; `request` where nothing is said. */
  asking: z.strictObject({ high: Role, medium: Role, low: Role }).partial().default({}),
  rules: z
    .array(PriorityRule)
    .max(MOST_RULES, `more than ${MOST_RULES} rules`)
    .superRefine(...acrossItems(tellContradictions))
    .default([]),
});

function tellContradictions(rightIndexes: number[], rules: PriorityRule[], context: z.RefinementCtx): void {
  const patterns = rightIndexes.reduce((sum, index) => sum + patternsOf(rules[index] ?? {}), 0);
  if (patterns > MOST_PATTERNS) {
    const message = `${patterns} patterns with * or ? in all rules, more than ${MOST_PATTERNS}: write wider ones, or exact names`;
    context.addIssue({ code: 'custom', message });
    return;
  }
  const pairs = contradictions(rightIndexes.flatMap((index) => rules[index] ?? []));
  for (const [second, ofSecond] of Map.groupBy(pairs, (pair) => pair[1])) {
    const others = ofSecond.slice(0, MOST_NAMED).map(([first]) => rightIndexes[first] ?? 0);
    const said = [...new Set(others.map((index) => rules[index]?.priority))].join(' or ');
    const own = rightIndexes[second] ?? 0;
    context.addIssue({
      code: 'custom',
      path: [own],
      // The loader knows where the others stand.
      params: { others: others.map((index) => ['priorities', 'rules', index]) },
      message: `as specific as another rule that can match the same server and says ${said}, this one ${rules[own]?.priority}: add a selector to one of them, or make both say the same; the other is`,
    });
  }
}

function patternsOf(rule: Selectors): number {
  const lists = [rule.name, rule.image, rule.flavor, rule.project, rule.host, rule.zone];
  return lists.reduce((sum, globs) => sum + (globs ? globSet(globs).patterns.length : 0), 0);
}
