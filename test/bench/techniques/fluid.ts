/** The grid in the simulator: each technique in each cell, and what the policies choose. */
import type { Decision, Technique } from '../../../plugin/contract.ts';
import { decide } from '../../../plugin/controller/plan/decide.ts';
import { median } from '../../../plugin/model/interval.ts';
import { TECHNIQUES } from '../../../plugin/model/predict.ts';
import type { Policy } from '../../../plugin/policy/schema.ts';
import { randomFrom } from '../../../plugin/schedule/random.ts';
import { type SimulatedOutcome, simulate } from '../simulator/migration.ts';
import { allCells, type Cell } from './grid.ts';
import { MIGRATION, sceneOf, worldOf } from './world.ts';

export interface CellResult {
  cell: Cell;
  /** Medians over the repetitions; a censored run counts with the limit. */
  outcome: Record<Technique, SimulatedOutcome>;
  /** By the policy's file name. */
  decision: Record<string, Decision>;
}

export interface FluidOptions {
  policies: readonly Policy[];
  repetitions: number;
  limitSeconds: number;
  seed: number;
  cells?: readonly Cell[];
  /** What the VM receives slows down while it waits for pages (TCP) or keeps coming (UDP). Default: keeps coming. */
  inboundFollows?: boolean;
}

/** The reservation is the first policy's; both shipped ones have the same limits. */
export function runFluid({
  policies,
  repetitions,
  limitSeconds,
  seed,
  cells = allCells(),
  inboundFollows = false,
}: FluidOptions): CellResult[] {
  const [first] = policies;
  if (!first) throw new RangeError('no policy to try');
  return cells.map((cell, index) => {
    const outcome = Object.fromEntries(
      TECHNIQUES.map((technique) => {
        const runs = Array.from({ length: repetitions }, (_, run) => {
          const random = randomFrom(seed + 1000 * index + run);
          const prioritised = withPriority(first, cell);
          return simulate(
            technique,
            { ...sceneOf(cell, worldOf(cell, prioritised, random), prioritised, limitSeconds), inboundFollows },
            random,
          );
        });
        return [technique, middle(runs)];
      }),
    ) as Record<Technique, SimulatedOutcome>;
    const decision = Object.fromEntries(
      policies.map((policy) => {
        const prioritised = withPriority(policy, cell);
        const world = worldOf(cell, prioritised, randomFrom(seed - index));
        return [nameOf(policy), decide(world, prioritised, MIGRATION)];
      }),
    );
    return { cell, outcome, decision };
  });
}

export function nameOf(policy: Pick<Policy, 'id'>): string {
  return policy.id.split('@')[0] ?? policy.id;
}

function withPriority(policy: Policy, { priority }: Cell): Policy {
  return { ...policy, priorities: { ...policy.priorities, default: priority, rules: [] } };
}

function middle(runs: readonly SimulatedOutcome[]): SimulatedOutcome {
  const [first] = runs;
  if (!first) throw new RangeError('no run');
  const of = (pick: (run: SimulatedOutcome) => number) => median(runs.map(pick));
  return {
    technique: first.technique,
    seconds: of((run) => run.seconds),
    censored: runs.filter(({ censored }) => censored).length * 2 > runs.length,
    downtimeMs: of((run) => run.downtimeMs),
    longestStallMs: of((run) => run.longestStallMs),
    bytes: of((run) => run.bytes),
    passes: of((run) => run.passes),
    lostBits: of((run) => run.lostBits),
  };
}
