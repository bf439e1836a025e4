/** Random worlds of live migrations through the planner and its verifier. */
import fc from 'fast-check';
import { planSchedule } from '../../../plugin/schedule/live/plan.ts';
import { verifyLive } from '../../../plugin/schedule/live/verify.ts';
import type { LivePlan, LiveWorld } from '../../../plugin/schedule/live/world.ts';
import { Tally } from './tally.ts';
import { liveWorlds } from './worlds.ts';

const ROUNDS = 20;

/** Prints what was seen; returns the first world that broke a rule, made smaller, if there is one. */
export function benchWorlds(count: number, seed: number): string[] {
  const tally = new Tally();
  const property = fc.property(liveWorlds, (world) => {
    const plan = planSchedule(world, { rounds: ROUNDS });
    const [broken] = verifyLive(world, plan);
    if (broken) throw new Error(broken);
    const again = planSchedule({ ...world, migrations: [...world.migrations].reverse() }, { rounds: ROUNDS });
    if (JSON.stringify(again) !== JSON.stringify(plan)) throw new Error('the same world gave another plan');
    note(tally, world, plan);
  });
  const began = performance.now();
  const result = fc.check(property, { numRuns: count, seed, includeErrorInReport: true });
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `\n${result.numRuns} random worlds of live migrations through planSchedule and verifyLive in ${seconds.toFixed(0)} s (seed ${seed}): ${result.failed ? 'a rule is broken' : 'no rule broken, each plan the same to the byte from the reverse order'}`,
  );
  tally.print();
  return result.failed ? [fc.defaultReportMessage(result) ?? 'a rule is broken'] : [];
}

function note(tally: Tally, world: LiveWorld, { migrations, cost }: LivePlan): void {
  tally.add('worlds', 'in all');
  if (world.mostRunning !== undefined) tally.add('worlds', 'with a cap on all that run');
  if (world.uplinks) tally.add('worlds', 'with switches');
  if (world.hosts.some(({ free }) => free !== null)) tally.add('worlds', 'with hosts that may be full');
  if (cost < planSchedule(world, { rounds: 0 }).cost) tally.add('worlds', 'where the search found a better order');
  const planned = new Map(migrations.map((each) => [each.id, each]));
  for (const own of world.migrations) {
    const { startMs = null, rates = [], lateMs = 0 } = planned.get(own.id) ?? {};
    tally.add('migrations', 'in all');
    tally.add('migrations', own.priority ?? 'in no group');
    if (own.serial) tally.add('migrations', 'serial');
    if (own.windows) tally.add('migrations', 'with windows');
    if (own.deadlineMs != null) tally.add('migrations', lateMs > 0 ? 'late' : 'with a deadline, not late');
    if (rates.some((rate, at) => rate.bitsPerSecond < (rates[at - 1]?.bitsPerSecond ?? 0))) {
      tally.add('planned', 'slowed for another');
    }
    if (own.running) tally.add('planned', 'run already');
    else if (startMs === null) tally.add('planned', 'wait for room or a limit that nothing planned frees');
    else tally.add('planned', startMs === world.nowMs ? 'start now' : 'start later');
    if (!own.running && startMs !== null && startMs >= own.receivedAtMs + world.maxWaitMs) {
      tally.add('planned', 'start after maxWait, before whoever came later');
    }
  }
}
