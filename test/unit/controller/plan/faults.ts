/** What is wrong with what the planner makes of a world: one text for each fault, for the tests and for the bench. */
import { checkPlan } from '../../../../plugin/controller/plan/check.ts';
import { type Foreseen, liveWorldOf, lookAhead } from '../../../../plugin/controller/plan/lookahead.ts';
import { type Decided, planAhead, type World } from '../../../../plugin/controller/plan/plan.ts';
import { planSchedule } from '../../../../plugin/schedule/live/plan.ts';
import { verifyLive } from '../../../../plugin/schedule/live/verify.ts';
import type { LivePlan, LiveWorld } from '../../../../plugin/schedule/live/world.ts';

export interface Planned extends Decided {
  /** What was played forward; null: nobody looked ahead. */
  live: LiveWorld | null;
}

export function planned(world: World): Planned {
  let live: LiveWorld | null = null;
  const decided = planAhead(world, (...asked) => {
    live = liveWorldOf(...asked).live;
    return lookAhead(...asked);
  });
  return { ...decided, live };
}

/** A rule that the independent check finds broken, and a start that is not what the plan that looks ahead starts now. */
export function ruleFaults(world: World, { actions, ahead, failure }: Decided): string[] {
  const faults = checkPlan(world, actions);
  if (failure !== null) faults.push(`nobody looks ahead: ${failure}`);
  if (!ahead) return faults;
  const started = actions.flatMap(({ id, kind }) => (kind === 'start' ? [id] : []));
  const foreseen = [...ahead.byId.values()].flatMap(({ id, running, startAtMs }) =>
    !running && startAtMs === world.nowMs ? [id] : [],
  );
  const [now, later] = [started, foreseen].map((ids) => ids.sort((a, b) => a - b).join(' '));
  if (now !== later) faults.push(`starts ${now || 'nothing'}, looking ahead it starts ${later || 'nothing'}`);
  return faults;
}

/**
 * A rule of the live planner that what is foreseen breaks at any time, an entry without an end or a reason, and one that
 * waits for room which nothing frees.
 */
export function foresightFaults(world: World, { ahead, live: given }: Planned): string[] {
  if (!ahead || !given) return [];
  const foreseen = [...ahead.byId.values()];
  const live = withoutNeeds(given, ahead.roomless);
  return [
    ...verifyLive(live, livePlanOf(world, live, foreseen)),
    ...planSchedule(live, { rounds: 0 }).short.map((id) => `${id}: waits for room that never comes`),
    ...foreseen.flatMap(({ id, running, startAtMs, endAtMs, reason }) => [
      ...((startAtMs === null || !Number.isFinite(endAtMs.value)) === (reason !== null)
        ? []
        : [`${id}: an end and a reason why it has none, or neither`]),
      ...(endAtMs.low <= endAtMs.value && endAtMs.value <= endAtMs.high
        ? []
        : [`${id}: its end is outside its interval`]),
      ...(!running && startAtMs !== null && startAtMs < world.nowMs ? [`${id}: starts in the past`] : []),
    ]),
  ];
}

/** A rule that is broken where nobody can look ahead. */
export function blindFaults(world: World): string[] {
  const blind = () => {
    throw new Error('no foresight');
  };
  const { actions, ahead, failure } = planAhead(world, blind);
  const isSaid = ahead === null && failure === (world.policy ? 'no foresight' : null);
  return [...checkPlan(world, actions), ...(isSaid ? [] : ['nobody says that nobody looks ahead'])];
}

/** Another plan, to the byte, when queue, flights and hosts come in another order. */
export function orderFaults(world: World, decided: Decided): string[] {
  const turned = {
    ...world,
    queue: [...world.queue].reverse(),
    inFlight: [...world.inFlight].reverse(),
    hosts: new Map([...world.hosts].reverse()),
  };
  return written(planAhead(turned)) === written(decided) ? [] : ['the same world in another order: another plan'];
}

/** Everything that is decided and foreseen, to the byte. */
function written({ actions, ahead }: Decided): string {
  return JSON.stringify([actions, ahead?.order, [...(ahead?.byId.values() ?? [])]]);
}

/** Those that go to Nova whether there is room or not are planned as if they needed none. */
function withoutNeeds(live: LiveWorld, ids: ReadonlySet<number>): LiveWorld {
  return { ...live, migrations: live.migrations.map((own) => (ids.has(own.id) ? { ...own, needs: {} } : own)) };
}

function livePlanOf({ nowMs }: World, live: LiveWorld, foreseen: readonly Foreseen[]): LivePlan {
  const migrations = foreseen.map(({ id, running, startAtMs, endAtMs: { value }, roomOf, rates, lateMs }) => ({
    id,
    destination: startAtMs === null ? null : live.hosts.findIndex(({ name }) => name === (roomOf ?? '')),
    startMs: running ? nowMs : startAtMs,
    endMs: Number.isFinite(value) ? value : null,
    rates,
    lateMs: Number.isFinite(lateMs) ? lateMs : 0,
  }));
  return { migrations, order: [], short: [], cost: 0 };
}
