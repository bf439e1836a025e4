import type { Plan, PlannedMigration, PlannedTimes, PredictedFigure } from '../../contract.ts';
import { workloadEffects } from './effect.ts';
import type { Foreseen, LookAhead } from './lookahead.ts';
import type { World } from './world.ts';

/** What a plan shows of a migration and does not know itself. */
export type NameOf = (foreseen: Foreseen) => { id: number | null; vmName: string };

/** A plan as the contract tells it, in the order of the starts. */
export function publishedPlan(world: World, { byId }: LookAhead, nameOf: NameOf): Plan {
  const foreseen = inOrderOfStart([...byId.values()]);
  return {
    atMs: world.nowMs,
    policy: world.policy?.id ?? null,
    migrations: foreseen.map((each) => publishedMigration(each, nameOf(each))),
    workloads: workloadEffects(world, foreseen),
    reason: null,
  };
}

export function inOrderOfStart(foreseen: readonly Foreseen[]): Foreseen[] {
  const never = Number.POSITIVE_INFINITY;
  const start = ({ startAtMs }: Foreseen) => startAtMs ?? never;
  return [...foreseen].sort((a, b) => (start(a) === start(b) ? a.id - b.id : start(a) - start(b)));
}

export function publishedMigration(foreseen: Foreseen, name: ReturnType<NameOf>): PlannedMigration {
  const { vmUuid, source, destination, links, decision, running, rates, deadlineAtMs } = foreseen;
  return {
    ...name,
    vmUuid,
    source,
    destination,
    links,
    running,
    priority: decision?.priority ?? null,
    technique: decision?.technique ?? null,
    strategy: decision?.strategy ?? null,
    ...plannedTimes(foreseen),
    rates: rates.map(({ fromMs, bitsPerSecond }) => ({
      fromAtMs: Math.round(fromMs),
      bitsPerSecond: Math.round(bitsPerSecond),
    })),
    deadline: deadlineAtMs === null ? null : { atMs: deadlineAtMs, verdict: verdictOf(foreseen, deadlineAtMs) },
    lostBits: decision?.prediction?.lostBits ?? null,
  };
}

/** When it starts and ends, as a record shows it. */
export function plannedTimes({ startAtMs, endAtMs, reason }: Foreseen): PlannedTimes {
  const time = (atMs: number) => (Number.isFinite(atMs) ? Math.round(atMs) : null);
  const end: PredictedFigure = { value: time(endAtMs.value), low: time(endAtMs.low), high: time(endAtMs.high) };
  return { startAtMs: startAtMs === null ? null : Math.round(startAtMs), endAtMs: end, reason };
}

function verdictOf({ endAtMs }: Foreseen, deadlineAtMs: number): 'kept' | 'in-danger' | 'late' {
  if (endAtMs.high <= deadlineAtMs) return 'kept';
  return endAtMs.value <= deadlineAtMs ? 'in-danger' : 'late';
}
