import { type Contention, type Priority, type Reason, Strategy, type StrategyAlternative } from '../../contract.ts';
import type { Policy } from '../../policy/schema.ts';
import { notNamed, rowMatches, rowText } from '../../policy/table.ts';

/** Serial or parallel, by the policy's strategy table. */
export function chooseStrategy(
  policy: Pick<Policy, 'id' | 'strategy' | 'places'>,
  { priority, contention }: { priority: Priority; contention: Contention },
): { strategy: Strategy; reason: Reason; alternatives: StrategyAlternative[] } {
  const cell = { priority, contention };
  const index = policy.strategy.findIndex((row) => rowMatches(row, cell));
  const row = policy.strategy[index];
  // The loader refuses tables that leave a cell open.
  if (!row) throw new RangeError(`policy ${policy.id} has no strategy for ${priority} at ${contention} contention`);
  const text = `strategy ${rowText(policy, 'strategy', index)}: priority ${priority}, contention ${contention}: ${row.strategy}`;
  const alternatives = Strategy.options
    .filter((strategy) => strategy !== row.strategy)
    .map((strategy) => ({
      strategy,
      reason: notNamed(policy, 'strategy', policy.strategy, { cell, decided: index, word: strategy }),
    }));
  return { strategy: row.strategy, reason: { code: 'strategy-row', text }, alternatives };
}
