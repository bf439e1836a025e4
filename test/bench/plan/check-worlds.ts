/** Random worlds of live migrations through the planner and its verifier. */
import fc from 'fast-check';
import { planSchedule } from '../../../plugin/schedule/live/plan.ts';
import { verifyLive } from '../../../plugin/schedule/live/verify.ts';
import { liveWorlds } from './worlds.ts';

const ROUNDS = 20;

/** Prints what was seen; returns the first world that broke a rule, made smaller, if there is one. */
export function benchWorlds(count: number, seed: number): string[] {
  let migrations = 0;
  let unstarted = 0;
  let slowed = 0;
  let aged = 0;
  let gained = 0;
  const property = fc.property(liveWorlds, (world) => {
    const plan = planSchedule(world, { rounds: ROUNDS });
    const [broken] = verifyLive(world, plan);
    if (broken) throw new Error(broken);
    const again = planSchedule({ ...world, migrations: [...world.migrations].reverse() }, { rounds: ROUNDS });
    if (JSON.stringify(again) !== JSON.stringify(plan)) throw new Error('the same world gave another plan');
    migrations += world.migrations.length;
    unstarted += plan.migrations.filter(({ startMs }) => startMs === null).length;
    slowed += plan.migrations.filter(({ rates }) =>
      rates.some((rate, at) => rate.bitsPerSecond < (rates[at - 1]?.bitsPerSecond ?? 0)),
    ).length;
    aged += world.migrations.filter(
      ({ id, running, receivedAtMs }) =>
        !running && (plan.migrations.find((one) => one.id === id)?.startMs ?? 0) >= receivedAtMs + world.maxWaitMs,
    ).length;
    if (plan.cost < planSchedule(world, { rounds: 0 }).cost) gained++;
  });
  const began = performance.now();
  const result = fc.check(property, { numRuns: count, seed });
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `\n${result.numRuns} random worlds, ${migrations} migrations in ${seconds.toFixed(0)} s (seed ${seed}): ${result.failed ? 'a rule is broken' : 'no rule broken, each plan the same to the byte from the reverse order'}`,
  );
  console.log(
    `${aged} waited longer than maxWait and started before all others of their links; ${slowed} were slowed; ${unstarted} wait for room or a limit that nothing planned frees; in ${gained} worlds the search found a better order than the first`,
  );
  return result.failed ? [fc.defaultReportMessage(result) ?? 'a rule is broken'] : [];
}
