/**
 * How good the planner's plans are and how long it takes: `npm run bench:plan [-- --data DIR]`, about a minute.
 *
 * `--data DIR`: a folder with the public data, `grid5000/plans/*.json` and `btrplace-scale/*.json`; without it instances
 * of the same shape are made from a seed. It ends with 1 if a goal is missed.
 *
 * `--worlds N`: instead, N random worlds of live migrations through their planner (schedule/live) and its verifier, and N
 * of the controller through `planAhead` and `checkPlan`, and N / 40 courses of arrivals that are played to their ends,
 * some 40 rounds each (half an hour for 100,000); what all of them covered is counted.
 */
import { parseArgs } from 'node:util';
import { benchForward } from './plan/check-forward.ts';
import { benchPlans } from './plan/check-plans.ts';
import { benchWorlds } from './plan/check-worlds.ts';
import { benchController } from './plan/controller.ts';
import { benchScale } from './plan/scale.ts';
import { benchSmall } from './plan/small.ts';

/** A course is planned some 40 times. */
const WORLDS_A_COURSE = 40;

const { values } = parseArgs({
  options: { data: { type: 'string' }, worlds: { type: 'string' }, seed: { type: 'string', default: '1' } },
});
const missed = values.worlds
  ? [
      ...benchWorlds(Number(values.worlds), Number(values.seed)),
      ...benchPlans(Number(values.worlds), Number(values.seed)),
      ...benchForward(Math.ceil(Number(values.worlds) / WORLDS_A_COURSE), Number(values.seed)),
    ]
  : [...benchSmall(values.data ?? null), ...benchScale(values.data ?? null), ...benchController()];
console.log(missed.length === 0 ? '\nevery goal is met' : `\nmissed:\n${missed.map((text) => `  ${text}`).join('\n')}`);
process.exitCode = missed.length === 0 ? 0 : 1;
