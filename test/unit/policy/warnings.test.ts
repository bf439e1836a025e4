import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePolicyFiles } from '../../../plugin/policy/load.ts';
import { policyWarnings } from '../../../plugin/policy/warnings.ts';

const SEED = readFileSync(new URL('../../../policies/seed.yaml', import.meta.url), 'utf8');

function warningsOf(site: string): string[] {
  const read = parsePolicyFiles([
    { name: 'seed.yaml', text: SEED },
    { name: 'site.yaml', text: `${site}\n` },
  ]);
  if ('errors' in read) throw new Error(JSON.stringify(read.errors));
  return policyWarnings(read.policy);
}

const zone = 'timeZone: Europe/Berlin';
const window = (from: string, to: string, more = '', priority = 'low') =>
  `{ priority: ${priority}, from: "${from}", to: "${to}", ${more}${zone} }`;
const rules = (...each: string[]) => `priorities: { rules: [${each.join(', ')}] }`;

describe('a policy is warned of', () => {
  it.each<[string, string, string, string]>([
    [
      'a window as long as maxWait',
      `windows: [${window('22:00', '22:30')}]`,
      'site.yaml:1:11: windows[0]: ',
      'low may start for at most 30 min on end, no longer than maxWait (30 min)',
    ],
    [
      'such a window of two priorities, once',
      `windows: [${window('22:00', '22:10', '', '[medium, low]')}, ${window('12:00', '12:20', '', '[medium, low]')}]`,
      'site.yaml:1:11: windows[0]: ',
      'medium and low may start for at most 20 min on end',
    ],
    [
      'a rule that another one always goes before',
      rules('{ project: "x*", priority: low }', '{ name: "*", priority: high }'),
      'site.yaml:1:23: priorities.rules[3]: ',
      'never decides: the rule at site.yaml:1:57 (name *: high) matches all that it matches, and is more specific: it selects by name, which goes before what the other selects by. Delete',
    ],
    [
      'a rule that stands twice',
      rules('{ name: [a, b*], priority: low }', '{ name: b*, priority: low }'),
      'site.yaml:1:57: priorities.rules[4]: ',
      'says the same and stands further up',
    ],
    [
      'a regular expression',
      rules('{ name: "db-[0-9]+", priority: low }'),
      'site.yaml:1:31: priorities.rules[3].name: ',
      'in db-[0-9]+ only * and ? stand for other signs, [ for itself',
    ],
    [
      'a pattern where texts are exact',
      'postCopyGate: { never: [{ metadata: { tier: "gold*" } }] }',
      'site.yaml:1:45: postCopyGate.never[0].metadata.tier: ',
      'roles and metadata are compared exactly',
    ],
    [
      'a floor that takes from what is promised',
      'floor: 30 %\nlimits: { hosts: { c1: { lower: 80 %, upper: 90 % }, c2: { lower: 70 %, upper: 90 % } } }',
      'site.yaml:2:33: limits.hosts.c1.lower: ',
      'the floor of 30 % leaves the workload 70 % beside a low-priority migration, less than it is promised here (80 %)',
    ],
    ['a key behind arrival', 'order: [arrival, deadline]', 'site.yaml:1:18: order[1]: ', 'deadline is never looked at'],
    [
      'a cap above that of its link',
      'caps: { parallelPerLink: 4, perSource: 8, perDestination: 4 }',
      'site.yaml:1:40: caps.perSource: ',
      'is never reached: a source sends all of them on one link, and caps.parallelPerLink permits 4 there',
    ],
    [
      'a deadline within the batch window',
      'batchWindow: 10 min\ndeadlines: { default: { high: 10 min }, admission: refuse }',
      'site.yaml:2:31: deadlines.default.high: ',
      'is no longer than batchWindow (10 min), for which the first of a batch waits before it starts, so that it is refused',
    ],
    [
      'a deadline within the time that its windows are closed',
      `deadlines: { default: { low: 16 h } }\nwindows: [${window('22:00', '06:00')}]`,
      'site.yaml:1:30: deadlines.default.low: ',
      'is no longer than the windows of low stay closed (16 h), so that what is asked for when they have just closed is late',
    ],
  ])('%s', (_, site, place, message) => {
    const warnings = warningsOf(site);
    expect(warnings).toEqual([expect.stringContaining(message)]);
    expect(warnings[0]?.startsWith(place), warnings[0]).toBe(true);
  });
});

describe('a policy is not warned of', () => {
  it.each([
    ['nothing of its own', 'strict: false'],
    ['a window longer than maxWait', `windows: [${window('22:00', '22:31')}]`],
    ['short windows that touch', `windows: [${window('23:40', '24:00')}, ${window('00:00', '00:20')}]`],
    [
      'short windows of two zones, which may meet',
      `windows: [${window('22:00', '22:20')}, { priority: low, from: "22:20", to: "22:40", timeZone: Europe/Paris }]`,
    ],
    ['a rule and an exception to it', rules('{ name: "db-*", priority: high }', '{ name: db-test, priority: low }')],
    [
      'a rule that narrows another',
      rules('{ name: "db-*", priority: high }', '{ name: "db-*", host: c1, priority: low }'),
    ],
    ['a flavor with dots and a star', rules('{ flavor: "m1.*", priority: low }')],
    ['a floor given as a rate', 'floor: 800 Mbit\nlimits: { default: { lower: 80 %, upper: 90 % } }'],
    ['a floor that leaves just what is promised', 'floor: 20 %\nlimits: { default: { lower: 80 %, upper: 90 % } }'],
    ['arrival last', 'order: [deadline, arrival]'],
    [
      'a deadline longer than its windows stay closed',
      `deadlines: { default: { low: 17 h } }\nwindows: [${window('22:00', '06:00')}]`,
    ],
    [
      'a deadline of a priority without windows',
      `deadlines: { default: { high: 1 h } }\nwindows: [${window('22:00', '06:00')}]`,
    ],
  ])('%s', (_, site) => {
    expect(warningsOf(site)).toEqual([]);
  });
});

it('warnings of 900 rules of patterns are worked out at once', () => {
  const many = Array.from({ length: 900 }, (_, index) => `{ name: [vm-${index}-*, x-${index}-*], priority: low }`);
  const startMs = performance.now();
  expect(warningsOf(rules(...many))).toEqual([]);
  // A second on a quiet machine; minutes if each rule were compared with each other one word by word.
  expect(performance.now() - startMs).toBeLessThan(20_000);
});
