import type { Priority, Reason } from '../contract.ts';
import type { Policy, PriorityRule } from './schema.ts';

/** What the rules may select on. */
export interface ServerFacts {
  name: string;
  projectId: string;
  flavorName: string;
  metadata: Readonly<Record<string, string>>;
}

/** The priority of a server: that of the first rule that matches, else the default. */
export function matchPriority(
  policy: Pick<Policy, 'id' | 'priorities'>,
  server: ServerFacts,
): { priority: Priority; reason: Reason } {
  const { rules, default: fallback } = policy.priorities;
  const index = rules.findIndex((rule) => ruleMatches(rule, server));
  const rule = rules[index];
  if (!rule) {
    const text = `no rule of ${policy.id} matches, so the default applies: ${fallback}`;
    return { priority: fallback, reason: { code: 'priority-default', text } };
  }
  const text = `rule ${index + 1} of ${policy.id} (${selectorsOf(rule)}): ${rule.priority}`;
  return { priority: rule.priority, reason: { code: 'priority-rule', text } };
}

function ruleMatches(rule: PriorityRule, server: ServerFacts): boolean {
  const { project, name, flavor, metadata = {} } = rule;
  return (
    (!project || project.includes(server.projectId)) &&
    (!name || name.some((glob) => globMatches(glob, server.name))) &&
    (!flavor || flavor.some((glob) => globMatches(glob, server.flavorName))) &&
    Object.entries(metadata).every(
      ([key, value]) => Object.hasOwn(server.metadata, key) && server.metadata[key] === value,
    )
  );
}

function selectorsOf({ project, name, flavor, metadata }: PriorityRule): string {
  const lists = Object.entries({ project, name, flavor }).flatMap(([key, list]) =>
    list ? [`${key} ${list.join(' or ')}`] : [],
  );
  const values = Object.entries(metadata ?? {}).map(([key, value]) => `metadata ${key}=${value}`);
  return [...lists, ...values].join(', ');
}

/**
 * `*` stands for any characters, `?` for exactly one; case counts. Takes at most (pattern x text) steps: a regular
 * expression made from an operator's pattern could take exponential time.
 */
export function globMatches(glob: string, text: string): boolean {
  let g = 0;
  let t = 0;
  let star = -1;
  let starText = 0;
  while (t < text.length) {
    if (glob[g] === '*') {
      star = g++;
      starText = t;
    } else if (g < glob.length && (glob[g] === '?' || glob[g] === text[t])) {
      g++;
      t++;
    } else if (star >= 0) {
      g = star + 1;
      t = ++starText;
    } else return false;
  }
  while (glob[g] === '*') g++;
  return g === glob.length;
}
