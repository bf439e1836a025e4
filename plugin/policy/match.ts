import type { Priority, Reason } from '../contract.ts';
import { globSet, globSetMatches } from './glob.ts';
import { SELECTORS, type Selector, type Selectors } from './schema/selectors.ts';
import { formatWindow } from './schema/window.ts';
import type { Policy } from './schema.ts';
import { compareSpecificity, whyMoreSpecific } from './specificity.ts';
import { isOpen } from './window.ts';

/** What the rules may select on. What is not known matches no selector. */
export interface ServerFacts {
  name: string;
  projectId: string;
  flavorName: string;
  metadata: Readonly<Record<string, string>>;
  /** Null: booted from a volume. */
  imageId?: string | null | undefined;
  availabilityZone?: string | null | undefined;
  /** Roles of who asked for the migration. */
  requesterRoles?: readonly string[] | undefined;
}

/** Where the server is and when it is asked. */
export interface Circumstances {
  /** The source; null where it is not known. */
  host: string | null;
  nowMs: number;
}

/** A rule that matches but is less specific than the one that decides. */
export interface LostRule {
  index: number;
  priority: Priority;
  place: string;
  selectors: string;
  why: string;
}

export interface PriorityMatch {
  priority: Priority;
  reason: Reason;
  /** Of the rule in `priorities.rules`; null: the default. */
  index: number | null;
  lost: LostRule[];
}

type Ranked = Pick<Policy, 'id' | 'places'> & { priorities: Pick<Policy['priorities'], 'default' | 'rules'> };

/** The priority of a server: that of the most specific rule that matches, else the default. */
export function matchPriority(policy: Ranked, server: ServerFacts, circumstances: Circumstances): PriorityMatch {
  const { rules, default: fallback } = policy.priorities;
  const matching = rules
    .map((rule, index) => ({ rule, index }))
    .filter(({ rule }) => selectorsMatch(rule, server, circumstances))
    // Of equals, which say the same or are refused at load, the first.
    .sort((a, b) => compareSpecificity(b.rule, a.rule) || a.index - b.index);
  const [winner, ...others] = matching;
  if (!winner) {
    const text = `no rule of ${policy.id} matches, so the default applies: ${fallback}`;
    return { priority: fallback, reason: { code: 'priority-default', text }, index: null, lost: [] };
  }
  const lost = others.map(({ rule, index }) => ({
    index,
    priority: rule.priority,
    place: rulePlace(policy, index),
    selectors: selectorsText(rule),
    why: whyMoreSpecific(winner.rule, rule) || 'as specific, and it stands further up',
  }));
  const overruled = lost.find((other) => other.priority !== winner.rule.priority);
  const text =
    `${rulePlace(policy, winner.index)} (${selectorsText(winner.rule)}): ${winner.rule.priority}` +
    (overruled ? `, more specific than ${overruled.place} (${overruled.priority}): ${overruled.why}` : '');
  return { priority: winner.rule.priority, reason: { code: 'priority-rule', text }, index: winner.index, lost };
}

/** `rule at seed.yaml:15:7` */
export function rulePlace({ id, places }: Ranked, index: number): string {
  const place = places?.[`priorities.rules[${index}]`];
  return place ? `rule at ${place}` : `rule ${index + 1} of ${id}`;
}

/** True if everything that the selectors name matches. */
export function selectorsMatch(selectors: Selectors, server: ServerFacts, { host, nowMs }: Circumstances): boolean {
  const texts: [string[] | undefined, string | null | undefined][] = [
    [selectors.name, server.name],
    [selectors.image, server.imageId],
    [selectors.flavor, server.flavorName],
    [selectors.project, server.projectId],
    [selectors.host, host],
    [selectors.zone, server.availabilityZone],
  ];
  return (
    texts.every(([globs, text]) => !globs || (text != null && globSetMatches(globSet(globs), text))) &&
    (!selectors.role || selectors.role.some((role) => server.requesterRoles?.includes(role))) &&
    (!selectors.time || selectors.time.some((window) => isOpen(window, nowMs))) &&
    Object.entries(selectors.metadata ?? {}).every(
      ([key, value]) => Object.hasOwn(server.metadata, key) && server.metadata[key] === value,
    )
  );
}

/** `name db-* or web-*, metadata tier=gold` */
export function selectorsText(selectors: Selectors): string {
  return SELECTORS.flatMap((selector) => selectorText(selectors, selector)).join(', ');
}

function selectorText(selectors: Selectors, selector: Selector): string[] {
  if (selector === 'metadata') {
    return Object.entries(selectors.metadata ?? {}).map(([key, value]) => `metadata ${key}=${value}`);
  }
  if (selector === 'time') return selectors.time ? [`time ${selectors.time.map(formatWindow).join(' or ')}`] : [];
  const values = selectors[selector];
  return values ? [`${selector} ${values.join(' or ')}`] : [];
}
