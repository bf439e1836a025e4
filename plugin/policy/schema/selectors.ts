import { z } from 'zod';
import { type DailyWindow, Window } from './window.ts';
import { oneOrMany, Text } from './words.ts';

/**
 * What a rule may select on, in the order that breaks ties between rules with equally many selectors: what is nearest
 * to the one server comes first (policy/specificity.ts).
 */
export const SELECTORS = ['name', 'metadata', 'image', 'flavor', 'project', 'role', 'host', 'zone', 'time'] as const;
export type Selector = (typeof SELECTORS)[number];

/** All that are named must match; a list means any of it. */
export const selectorShape = {
  /** The server's name. Glob, as all texts here but role and metadata. */
  name: oneOrMany(Text).optional(),
  /** Exact values, all of them. */
  metadata: z.record(Text, Text).optional(),
  /** Id of the image it was made from. */
  image: oneOrMany(Text).optional(),
  flavor: oneOrMany(Text).optional(),
  /** Id of the project. */
  project: oneOrMany(Text).optional(),
  /** A role of who asked for the migration, exact. */
  role: oneOrMany(Text).optional(),
  /** The source host. */
  host: oneOrMany(Text).optional(),
  /** Availability zone. */
  zone: oneOrMany(Text).optional(),
  time: oneOrMany(Window).optional(),
};

export interface Selectors {
  name?: string[] | undefined;
  metadata?: Record<string, string> | undefined;
  image?: string[] | undefined;
  flavor?: string[] | undefined;
  project?: string[] | undefined;
  role?: string[] | undefined;
  host?: string[] | undefined;
  zone?: string[] | undefined;
  time?: DailyWindow[] | undefined;
}

/** For `refine`: a rule that names nothing is told so even where its priority is wrong, not where a key is mistyped. */
export function mustSelect(error: string) {
  const when = ({ value, issues }: z.core.ParsePayload) =>
    typeof value === 'object' && value !== null && issues.every(({ code }) => code !== 'unrecognized_keys');
  return [selectsSomething, { error, when }] as const;
}

function selectsSomething(rule: Selectors): boolean {
  return SELECTORS.some((selector) =>
    selector === 'metadata' ? Object.keys(rule.metadata ?? {}).length > 0 : rule[selector] !== undefined,
  );
}
