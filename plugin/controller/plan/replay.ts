import type { Decision } from '../../contract.ts';
import type { Policy } from '../../policy/schema.ts';
import { decide } from './decide.ts';
import { type DecisionFacts, worldOf } from './facts.ts';

/** One recorded decision made again under two policies. */
export interface Replayed {
  before: Decision;
  after: Decision;
  /** What differs, as `technique pre-copy → post-copy`. */
  changes: string[];
}

/** Decides again what was decided, from the facts of then, under both policies. Pure. */
export function replay(facts: DecisionFacts, before: Policy, after: Policy): Replayed {
  const decisions = [before, after].map((policy) => {
    const { world, migration } = worldOf(facts, policy);
    return decide(world, policy, migration);
  }) as [Decision, Decision];
  return { before: decisions[0], after: decisions[1], changes: changesOf(...decisions) };
}

function changesOf(a: Decision, b: Decision): string[] {
  const pairs: [string, unknown, unknown][] = [
    ['priority', a.priority, b.priority],
    ['technique', a.technique, b.technique],
    ['strategy', a.strategy, b.strategy],
    ['contention', a.classification?.contention ?? 'not known', b.classification?.contention ?? 'not known'],
    ['cluster', a.classification?.cluster ?? 'not known', b.classification?.cluster ?? 'not known'],
    ['downtime limit', milliseconds(a.maxDowntimeMs), milliseconds(b.maxDowntimeMs)],
    ['guaranteed at the source', guaranteed(a, 'sourceTx'), guaranteed(b, 'sourceTx')],
    ['guaranteed at the destination', guaranteed(a, 'destinationRx'), guaranteed(b, 'destinationRx')],
  ];
  return pairs.flatMap(([what, x, y]) => (x === y ? [] : [`${what} ${x} → ${y}`]));
}

function milliseconds(ms: number | null): string {
  return ms === null ? 'none' : `${ms} ms`;
}

function guaranteed({ reservation }: Decision, link: keyof Decision['reservation']): string {
  const rate = reservation[link]?.migration.rateBitsPerSecond;
  return rate === undefined ? 'nothing' : `${Math.round(rate / 1e6)} Mbit/s`;
}
