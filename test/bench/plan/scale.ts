/** Up to 1,728 migrations on 72 hosts and 960 on 720: how far from the bound, and how the time grows with the size. */
import { join } from 'node:path';
import { readBtrplace } from '../../../plugin/schedule/btrplace/read.ts';
import { listSchedule } from '../../../plugin/schedule/list.ts';
import { problemOf } from '../../../plugin/schedule/problem.ts';
import { solve } from '../../../plugin/schedule/solve.ts';
import { verify } from '../../../plugin/schedule/verify.ts';
import { filesIn, type InstanceFile, mean } from './files.ts';
import { scaleInstance } from './generate.ts';

const MOST_PLANNING_MS = 1000;
const MOST_ABOVE_BOUND = 1.05;
const REPEATS = 5;

interface Row {
  name: string;
  moves: number;
  lower: number;
  tight: number;
  makespan: number;
  optimal: boolean;
  planningMs: number;
  listMs: number;
}

/** Prints the table and the plot; returns the goals that were missed. */
export function benchScale(data: string | null): string[] {
  const files = data ? filesIn(join(data, 'btrplace-scale')) : generated();
  const missed: string[] = [];
  const rows = files.map((file) => row(file, missed));
  console.log(
    `\nScale instances (${data ? 'public data' : 'generated'}); list: one list schedule, median of ${REPEATS}\n`,
  );
  console.log(
    '| file | migrations | lower bound, s | tight bound, s | ours, s | above lower | above tight | planned in, ms | list, ms |',
  );
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
  for (const { name, moves, lower, tight, makespan, planningMs, listMs } of rows) {
    console.log(
      `| ${name} | ${moves} | ${lower.toFixed(0)} | ${tight.toFixed(0)} | ${makespan} | ${percent(makespan / lower)} | ${percent(makespan / tight)} | ${planningMs.toFixed(0)} | ${listMs.toFixed(1)} |`,
    );
  }
  plot(rows);
  return missed;
}

function generated(): InstanceFile[] {
  return [false, true].flatMap((decommissioning) =>
    [
      [1, 1],
      [1, 2],
      [1, 4],
      [1, 8],
      [1, 18],
      [2, 2],
      [4, 4],
      [10, 10],
    ].map(([hostFactor = 1, vmFactor = 1]) => ({
      name: `${decommissioning ? 'decommissioning_' : ''}${hostFactor === 1 ? `vms_scale.x${vmFactor}` : `infra_scale.x${hostFactor}`}`,
      text: scaleInstance({ hostFactor, vmFactor, decommissioning, seed: 1 }),
    })),
  );
}

function row({ name, text }: InstanceFile, missed: string[]): Row {
  const { instance } = readBtrplace(text, null);
  const began = performance.now();
  const solved = solve(instance);
  const planningMs = performance.now() - began;
  const [broken] = verify(instance, solved);
  const { makespanSeconds: makespan, lowerBoundSeconds: lower, tightBoundSeconds: tight, optimal } = solved;
  if (broken) missed.push(`${name}: ${broken}`);
  if (planningMs > MOST_PLANNING_MS) missed.push(`${name}: planned in ${planningMs.toFixed(0)} ms`);
  if (!(makespan <= tight * MOST_ABOVE_BOUND))
    missed.push(`${name}: ${percent(makespan / tight)} above the tight bound`);
  return { name, moves: instance.moves.length, lower, tight, makespan, optimal, planningMs, listMs: listMs(instance) };
}

function listMs(instance: Parameters<typeof problemOf>[0]): number {
  const times = Array.from({ length: REPEATS }, () => {
    const began = performance.now();
    const problem = problemOf(instance);
    listSchedule(problem, new Float64Array(problem.count).fill(1));
    return performance.now() - began;
  });
  return times.sort((a, b) => a - b)[REPEATS >> 1] ?? 0;
}

/** Time of one list schedule against the number of migrations, and the exponent of its growth. */
function plot(rows: readonly Row[]): void {
  const sizes = [...new Set(rows.map(({ moves }) => moves))].sort((a, b) => a - b);
  const points = sizes.map((moves) => ({
    moves,
    ms: mean(rows.filter((one) => one.moves === moves).map((one) => one.listMs)),
  }));
  const most = Math.max(...points.map(({ ms }) => ms));
  console.log('\nOne list schedule: ms against migrations\n');
  for (const { moves, ms } of points) {
    const bar = '#'.repeat(Math.max(1, Math.round((50 * ms) / most)));
    console.log(`${String(moves).padStart(6)} ${bar} ${ms.toFixed(1)} ms, ${((1000 * ms) / moves).toFixed(1)} µs each`);
  }
  const logs = points.map(({ moves, ms }) => ({ x: Math.log(moves), y: Math.log(ms) }));
  const [x, y] = [mean(logs.map((one) => one.x)), mean(logs.map((one) => one.y))];
  const slope = mean(logs.map((one) => (one.x - x) * (one.y - y))) / mean(logs.map((one) => (one.x - x) ** 2));
  console.log(`\ntime grows as the number of migrations to the power of ${slope.toFixed(2)}`);
}

function percent(ratio: number): string {
  return `${((ratio - 1) * 100).toFixed(1)} %`;
}
