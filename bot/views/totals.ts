import type { Priority, Strategy } from 'drover-plugin/contract';
import type { Ask, AskedVm } from '../asks/ask.ts';
import { endsAtMs, priorityOf, type Standing, shareOf, standingOf } from './vmline.ts';

/** An ask in few figures. */
export interface Totals {
  count: number;
  by: Readonly<Record<Standing, number>>;
  failed: number;
  aborted: number;
  refused: number;
  /** Of all memory that is to move, 0-1; every server counts the same. */
  share: number;
  /** When the last one ends; null: that of one is not foreseeable. */
  endsAtMs: number | null;
  /** The highest that counts for one that has not ended, or counted where all have; null: none is decided. */
  priority: Priority | null;
  strategies: ReadonlyMap<Strategy, number>;
}

const RANKS: Readonly<Record<Priority, number>> = { low: 0, medium: 1, high: 2 };

export function totalsOf({ vms }: Pick<Ask, 'vms'>, nowMs: number): Totals {
  const by: Record<Standing, number> = { troubled: 0, running: 0, waiting: 0, done: 0 };
  const strategies = new Map<Strategy, number>();
  let share = 0;
  let ends: number | null = nowMs;
  let priority: Priority | null = null;
  let last: Priority | null = null;
  for (const vm of vms) {
    const standing = standingOf(vm);
    by[standing] += 1;
    const { migration, progress } = vm;
    share += standing === 'troubled' ? 1 : migration ? (shareOf(migration, progress) ?? 0) : 0;
    if (migration) last = higherOf(last, priorityOf(migration));
    if (standing === 'done' || standing === 'troubled') continue;
    const end: number | null = migration ? endsAtMs(migration, progress, nowMs) : null;
    ends = ends === null || end === null ? null : Math.max(ends, end);
    if (!migration) continue;
    const strategy = migration.decision?.strategy;
    if (strategy) strategies.set(strategy, (strategies.get(strategy) ?? 0) + 1);
    priority = higherOf(priority, priorityOf(migration));
  }
  return {
    count: vms.length,
    by,
    failed: vms.filter((vm) => hasState(vm, 'failed')).length,
    aborted: vms.filter((vm) => hasState(vm, 'aborted')).length,
    refused: vms.filter(({ submission }) => submission === 'refused').length,
    share: vms.length === 0 ? 0 : share / vms.length,
    endsAtMs: by.running + by.waiting === 0 ? null : ends,
    priority: by.running + by.waiting === 0 ? last : priority,
    strategies,
  };
}

export function higherOf(a: Priority | null, b: Priority | null): Priority | null {
  if (a === null || b === null) return a ?? b;
  return RANKS[a] >= RANKS[b] ? a : b;
}

/** Those above it, the nearest first. */
export function prioritiesAbove(priority: Priority): Priority[] {
  return (['medium', 'high'] as const).filter((each) => RANKS[each] > RANKS[priority]);
}

function hasState({ migration }: AskedVm, state: 'failed' | 'aborted'): boolean {
  return migration?.state === state;
}
