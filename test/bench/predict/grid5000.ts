/** Migrations that really ran: plans and executions in the layout of the thesis of Kherbache (README of bench/predict.ts). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

export interface ExecutedMigration {
  /** The execution it was part of: one run of one plan. */
  execution: string;
  repetition: string;
  source: string;
  destination: string;
  /** By the plan. */
  bandwidthBitsPerSecond: number;
  plannedSeconds: number;
  /** Share of (destination, tx) that other migrations of the plan use meanwhile, 0-1. */
  reverseUtilisation: number;
  memoryMebibytes: number;
  /** Dirtied in the first `hotSeconds`, then `coldMebibytesPerSecond` more. */
  hotMebibytes: number;
  hotSeconds: number;
  coldMebibytesPerSecond: number;
  observedSeconds: number;
}

const Plan = z.object({
  origin: z.object({
    attributes: z.object({
      vms: z.record(
        z.string(),
        z.object({
          memUsed: z.number(),
          maxDirtySize: z.number(),
          maxDirtyDuration: z.number(),
          dirtyRate: z.number(),
        }),
      ),
    }),
  }),
  actions: z.array(
    z.object({
      vm: z.number(),
      from: z.number(),
      to: z.number(),
      bw: z.number(),
      start: z.number(),
      end: z.number(),
    }),
  ),
});

type Action = z.infer<typeof Plan>['actions'][number];

/** The test bed: two hosts with a NIC limited to 500 Mbit/s, two with 1000. */
const NIC_MEGABITS = [500, 500, 1000, 1000];

const LINE = /migrate\(vm=vm#(\d+), from=node#(\d+), to=node#(\d+), bw=\d+\)\};(\d+);(\d+)/;

/** All of `DIR/plans/N.json` and `DIR/executions/R/N.csv` (or those below `DIR/grid5000`). @throws if there are none. */
export function readExecutions(dir: string): ExecutedMigration[] {
  const root = existsSync(join(dir, 'grid5000')) ? join(dir, 'grid5000') : dir;
  if (!existsSync(join(root, 'executions')) || !existsSync(join(root, 'plans'))) {
    throw new Error(`${root} has no folders plans/ and executions/: name the folder of the public data with --data`);
  }
  return readdirSync(join(root, 'executions')).flatMap((repetition) =>
    readdirSync(join(root, 'executions', repetition))
      .filter((file) => file.endsWith('.csv'))
      .flatMap((file) => {
        const plan = Plan.parse(JSON.parse(readFileSync(join(root, 'plans', file.replace(/\.csv$/, '.json')), 'utf8')));
        return readExecution(plan, readFileSync(join(root, 'executions', repetition, file), 'utf8')).map(
          (migration) => ({
            ...migration,
            execution: `${repetition}/${file}`,
            repetition,
          }),
        );
      }),
  );
}

function readExecution(plan: z.infer<typeof Plan>, csv: string): Omit<ExecutedMigration, 'execution' | 'repetition'>[] {
  return csv.split('\n').flatMap((line) => {
    const [, vm = '', source = '', destination = '', start, end] = LINE.exec(line) ?? [];
    const guest = plan.origin.attributes.vms[vm];
    const action = plan.actions.find((each) => String(each.vm) === vm);
    if (!guest || !action) return [];
    return [
      {
        source,
        destination,
        bandwidthBitsPerSecond: action.bw * 1e6,
        plannedSeconds: action.end - action.start,
        reverseUtilisation: reverseUtilisation(plan.actions, action),
        memoryMebibytes: guest.memUsed,
        hotMebibytes: guest.maxDirtySize,
        hotSeconds: guest.maxDirtyDuration,
        coldMebibytesPerSecond: guest.dirtyRate,
        observedSeconds: Number(end) - Number(start),
      },
    ];
  });
}

function reverseUtilisation(actions: readonly Action[], of: Action): number {
  const capacity = NIC_MEGABITS[of.to] ?? of.bw;
  const used = actions
    .filter((other) => other !== of && other.from === of.to)
    .reduce((sum, { bw, start, end }) => sum + bw * Math.max(0, Math.min(end, of.end) - Math.max(start, of.start)), 0);
  return Math.min(1, used / (capacity * (of.end - of.start)));
}
