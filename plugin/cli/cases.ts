import { z } from 'zod';
import { Cluster, Contention, Priority, Scenario, Strategy, Technique } from '../contract.ts';
import { explainPolicy } from '../controller/plan/explain.ts';
import { oneOrMany, Text } from '../policy/schema/words.ts';
import type { Policy } from '../policy/schema.ts';
import { amountOn, Bandwidth } from '../policy/units.ts';
import { linkOf, Scene, stage } from './scene.ts';

const ExpectedLimits = z
  .strictObject({ lower: Bandwidth.optional(), upper: Bandwidth.optional() })
  .refine(namesSomething, { error: 'this expects nothing: name lower or upper' });

const Expected = z
  .strictObject({
    priority: Priority.optional(),
    technique: Technique.optional(),
    strategy: Strategy.optional(),
    contention: Contention.optional(),
    scenario: Scenario.optional(),
    cluster: Cluster.optional(),
    /** `now`, `later` (outside its windows). */
    starts: z.enum(['now', 'later']).optional(),
    /** What becomes of its deadline if nothing stands before it. */
    admission: z.enum(['accept', 'warn', 'refuse']).optional(),
    limits: z
      .strictObject({ source: ExpectedLimits.optional(), destination: ExpectedLimits.optional() })
      .refine(namesSomething, { error: 'this expects nothing: name source or destination' })
      .optional(),
    /** Codes of reasons that must be among those of the decision. */
    reasons: oneOrMany(Text).optional(),
  })
  .refine(namesSomething, { error: 'this case expects nothing: name priority, technique, …' });

/** A case that can only pass tests nothing. */
function namesSomething(expected: object): boolean {
  return Object.keys(expected).length > 0;
}

const Case = z.strictObject({ name: Text, given: Scene, expect: Expected });
type Case = z.infer<typeof Case>;

/** A file of cases beside a policy, e.g. policies/seed.test.yaml. */
export const CaseFile = z.strictObject({
  /** Files or directories of the policy, relative to this file. */
  policy: oneOrMany(Text),
  cases: z.array(Case).min(1),
});

export interface CaseResult {
  name: string;
  /** What differs; empty: passed. */
  differences: { what: string; expected: string; got: string }[];
  /** Why it was decided so. */
  because: string[];
}

/** Decides a case as the plugin would, and compares. Pure. */
export function runCase(policy: Policy, { name, given, expect }: Case): CaseResult {
  const { world, migration } = stage(given, policy);
  const explanation = explainPolicy(world, policy, migration);
  const { decision } = explanation;
  const differences: CaseResult['differences'] = [];
  const compare = (what: string, expected: string | undefined, got: string | undefined) => {
    if (expected !== undefined && expected !== got) differences.push({ what, expected, got: got ?? 'none' });
  };
  compare('priority', expect.priority, explanation.priority);
  compare('technique', expect.technique, decision?.technique);
  compare('strategy', expect.strategy, decision?.strategy);
  compare('contention', expect.contention, decision?.classification?.contention);
  compare('scenario', expect.scenario, decision?.classification?.scenario);
  compare('cluster', expect.cluster, decision?.classification?.cluster);
  compare('starts', expect.starts, explanation.startsAtMs === world.nowMs ? 'now' : 'later');
  compare('admission', expect.admission, explanation.admission?.verdict);
  for (const [index, end] of (['source', 'destination'] as const).entries()) {
    const wanted = expect.limits?.[end];
    const found = explanation.limits[index];
    for (const bound of ['lower', 'upper'] as const) {
      const amount = wanted?.[bound];
      if (!amount) continue;
      const rate = amountOn(amount, linkOf(given[end]));
      const got = bound === 'lower' ? found?.lowerBitsPerSecond : found?.upperBitsPerSecond;
      // Shares are multiplied in another order: a bit per second is no difference.
      if (got === undefined || Math.abs(got - rate) >= 1) {
        compare(`limits.${end}.${bound}`, megabits(rate), got === undefined ? undefined : megabits(got));
      }
    }
  }
  const reasons = [
    explanation.reason,
    ...[explanation.deadlineReason, explanation.admission?.reason].flatMap((each) => each ?? []),
    ...(decision?.reasons ?? []),
  ];
  const codes = reasons.map(({ code }) => code);
  for (const code of expect.reasons ?? []) if (!codes.includes(code)) compare('reasons', code, codes.join(', '));
  const because = reasons.map(({ code, text }) => `${text} [${code}]`);
  return { name, differences, because };
}

function megabits(bitsPerSecond: number): string {
  return `${bitsPerSecond / 1e6} Mbit`;
}
