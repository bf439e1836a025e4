import { z } from 'zod';
import { Priority, Role } from '../../contract.ts';
import { contradictions } from '../specificity.ts';
import { selectorShape, selectsSomething } from './selectors.ts';

/** So many rules are compared with each other at load without a noticeable pause. */
const MOST_RULES = 1000;

const PriorityRule = z.strictObject({ ...selectorShape, priority: Priority }).refine(selectsSomething, {
  error:
    'this rule selects nothing: name project, name, flavor, image, host, zone, metadata, role or time, or set priorities.default instead',
});
export type PriorityRule = z.infer<typeof PriorityRule>;

/** Who is urgent: the most specific rule that matches, else the default. */
export const Priorities = z
  .strictObject({
    default: Priority,
    /** The least role of the control API that may ask for a priority there; `request` where nothing is said. */
    asking: z.strictObject({ high: Role, medium: Role, low: Role }).partial().default({}),
    rules: z.array(PriorityRule).max(MOST_RULES, `more than ${MOST_RULES} rules`).default([]),
  })
  .superRefine(({ rules }, context) => {
    for (const [first, second] of contradictions(rules)) {
      context.addIssue({
        code: 'custom',
        path: ['rules', second],
        // The loader knows where the other one stands.
        params: { other: ['priorities', 'rules', first] },
        message: `as specific as another rule that can match the same server and says ${rules[first]?.priority}, this one ${rules[second]?.priority}: add a selector to one of them, or make both say the same; the other is`,
      });
    }
  });
