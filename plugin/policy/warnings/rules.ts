import { covers } from '../coverage.ts';
import { isGlob } from '../glob.ts';
import { rulePlace, selectorsText } from '../match.ts';
import type { Selectors } from '../schema/selectors.ts';
import type { Policy } from '../schema.ts';
import { compareNumbers, specificity, whyMoreSpecific } from '../specificity.ts';
import type { Doubt } from './doubt.ts';

/** Selectors whose texts are patterns. */
const GLOBS = ['name', 'image', 'flavor', 'project', 'host', 'zone'] as const;
/** What stands for other signs in a shell or in a regular expression; `.` is in many names. */
const FOREIGN = /[[\]{}^$|\\]/;

/** Priority rules before which another one always goes. */
export function neverDecides(policy: Policy): Doubt[] {
  const { rules } = policy.priorities;
  const specific = rules.map(specificity);
  return rules.flatMap((rule, index) => {
    const winner = rules.findIndex((other, at) => {
      if (at === index) return false;
      const order = compareNumbers(specific[at] ?? [], specific[index] ?? []);
      return (order > 0 || (order === 0 && at < index)) && covers(other, rule);
    });
    const before = rules[winner];
    if (!before) return [];
    const why = whyMoreSpecific(before, rule);
    const goes = why === '' ? 'says the same and stands further up' : `is more specific: ${why}`;
    const message = `never decides: the ${rulePlace(policy, winner)} (${selectorsText(before)}: ${before.priority}) matches all that it matches, and ${goes}. Delete one of them, or name in this one what the other names too`;
    return [{ path: `priorities.rules[${index}]`, message }];
  });
}

/** Signs that look as if they stood for others, where they stand for themselves. */
export function ordinarySigns({ priorities, postCopyGate }: Policy): Doubt[] {
  return [
    ...priorities.rules.flatMap((rule, index) => signsOf(rule, `priorities.rules[${index}]`)),
    ...postCopyGate.never.flatMap((rule, index) => signsOf(rule, `postCopyGate.never[${index}]`)),
  ];
}

function signsOf(rule: Selectors, path: string): Doubt[] {
  const inGlobs = GLOBS.flatMap((selector) => {
    const text = rule[selector]?.find((each) => FOREIGN.test(each));
    if (text === undefined) return [];
    const message = `in ${text} only * and ? stand for other signs, ${FOREIGN.exec(text)?.[0]} for itself: write it with those, or as a list`;
    return [{ path: `${path}.${selector}`, message }];
  });
  const role = rule.role?.find(isGlob);
  const exact = [
    ...(role === undefined ? [] : [{ path: `${path}.role`, text: role }]),
    ...Object.entries(rule.metadata ?? {}).flatMap(([key, value]) =>
      isGlob(value) ? [{ path: `${path}.metadata.${key}`, text: value }] : [],
    ),
  ];
  return [
    ...inGlobs,
    ...exact.map(({ path: at, text }) => ({
      path: at,
      message: `roles and metadata are compared exactly, so that * and ? in ${text} stand for themselves: write the value that is meant`,
    })),
  ];
}
