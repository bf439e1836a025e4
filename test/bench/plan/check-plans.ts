/** Random worlds of the controller through its plan, the independent check, the verifier of what is foreseen, and again. */
import fc from 'fast-check';
import type { World } from '../../../plugin/controller/plan/plan.ts';
import {
  blindFaults,
  foresightFaults,
  orderFaults,
  type Planned,
  planned,
  ruleFaults,
} from '../../unit/controller/plan/faults.ts';
import { randomWorlds } from '../../unit/controller/plan/random-worlds.ts';
import { Tally } from './tally.ts';

/** Prints what was seen; returns the first world that broke a rule, made smaller, if there is one. */
export function benchPlans(count: number, seed: number): string[] {
  const tally = new Tally();
  const property = fc.property(randomWorlds, (world) => {
    const plan = planned(world);
    const [fault] = [
      ...ruleFaults(world, plan),
      ...foresightFaults(world, plan),
      ...orderFaults(world, plan),
      ...blindFaults(world),
    ];
    if (fault) throw new Error(fault);
    note(tally, world, plan);
  });
  const began = performance.now();
  const result = fc.check(property, { numRuns: count, seed, includeErrorInReport: true });
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `\n${result.numRuns} random worlds of the controller through planAhead and checkPlan in ${seconds.toFixed(0)} s (seed ${seed}): ${result.failed ? 'a fault' : 'no rule broken, nor where nobody can look ahead, what is foreseen keeps the rules to its end, each plan the same to the byte from the reverse order'}`,
  );
  tally.print();
  return result.failed ? [fc.defaultReportMessage(result) ?? 'a fault'] : [];
}

function note(tally: Tally, world: World, { actions, ahead }: Planned): void {
  const hosts = [...world.hosts.values()];
  tally.add('worlds', 'in all');
  tally.add(
    'worlds',
    `${world.queue.length + world.inFlight.length > 1 ? 'more than' : 'at most'} one that waits or runs`,
  );
  if (!world.policy) tally.add('worlds', 'without a policy');
  if (hosts.some(({ sample }) => sample === null)) tally.add('worlds', 'with a host never measured');
  if (hosts.some(({ reachable }) => !reachable)) tally.add('worlds', 'with a silent host');
  if (Object.keys(world.policy?.switches ?? {}).length > 0) tally.add('worlds', 'with switches');
  if ((world.policy?.windows.length ?? 0) > 0) tally.add('worlds', 'with start windows');
  tally.add('migrations', 'queued', world.queue.length);
  tally.add('migrations', 'in flight', world.inFlight.length);
  for (const action of actions) {
    tally.add('actions', action.kind);
    if (action.kind === 'hold') tally.add('why held', action.reason.code);
    if (action.kind === 'adjust' && action.reservation.streamBitsPerSecond != null)
      tally.add('actions', 'adjust that slows');
    if ((action.kind === 'start' || action.kind === 'hold') && action.warning)
      tally.add('warnings', action.warning.code);
    if (action.kind !== 'start') continue;
    const { technique, strategy, priority, reasons } = action.decision;
    if (reasons.some(({ code }) => code === 'uplink-share')) tally.add('starts', 'held at uplinks');
    tally.add('starts', technique);
    tally.add('starts', strategy);
    tally.add('starts', priority);
    if (reasons.some(({ code }) => code === 'aged')) tally.add('starts', 'waited longer than maxWait');
    if (reasons.some(({ code }) => code === 'stale')) tally.add('starts', 'on stale samples');
  }
  for (const { running, startAtMs, endAtMs, rates, lateMs } of ahead?.byId.values() ?? []) {
    tally.add(
      'foreseen',
      running ? 'running' : startAtMs === null ? 'no start' : startAtMs > world.nowMs ? 'later' : 'now',
    );
    if (!Number.isFinite(endAtMs.value)) tally.add('foreseen', 'no end');
    if (lateMs > 0) tally.add('foreseen', 'misses its deadline');
    if (rates.length > 1) tally.add('foreseen', 'changes its rate');
  }
}
