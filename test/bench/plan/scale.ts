/** Up to 1,728 migrations on 72 hosts and 960 on 720: how far from the bound, and how the time grows with the size. */
import { join } from 'node:path';
import { readBtrplace } from '../../../plugin/schedule/btrplace/read.ts';
import type { Instance } from '../../../plugin/schedule/instance.ts';
import { listSchedule } from '../../../plugin/schedule/list.ts';
import { problemOf } from '../../../plugin/schedule/problem.ts';
import { solve } from '../../../plugin/schedule/solve.ts';
import { verify } from '../../../plugin/schedule/verify.ts';
import { cpuMs, meanCpuMs } from './cpu.ts';
import { filesIn, type InstanceFile, mean } from './files.ts';
import { scaleInstance } from './generate.ts';

const MOST_PLANNING_MS = 1000;
const MOST_ABOVE_BOUND = 1.05;

interface Row {
  name: string;
  moves: number;
  lower: number;
  tight: number;
  makespan: number;
  /** Which bound it is judged by, and why. */
  judgedBy: string;
  planningMs: number;
  listMs: number;
}

/** Prints the table and the plots; returns the goals that were missed. */
export function benchScale(data: string | null): string[] {
  const files = data ? filesIn(join(data, 'btrplace-scale')) : generated();
  const missed: string[] = [];
  const rows = files.map((file) => row(file, missed));
  console.log(`\nScale instances (${data ? 'public data' : 'generated'}); ms of CPU; list: one list schedule\n`);
  console.log(
    '| file | migrations | lower bound, s | tight bound, s | ours, s | above lower | above tight | judged by | planned in, ms | list, ms |',
  );
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: |');
  for (const { name, moves, lower, tight, makespan, judgedBy, planningMs, listMs } of rows) {
    console.log(
      `| ${name} | ${moves} | ${lower.toFixed(0)} | ${tight.toFixed(0)} | ${makespan} | ${percent(makespan / lower)} | ${percent(makespan / tight)} | ${judgedBy} | ${planningMs.toFixed(0)} | ${listMs.toFixed(1)} |`,
    );
  }
  const within = (bound: 'lower' | 'tight') =>
    rows.filter(({ makespan, ...row }) => makespan <= row[bound] * MOST_ABOVE_BOUND).length;
  console.log(
    `\nThe lower bound is the literature's: the work of the busiest link, and the longest chain of a boot, a migration and a shutdown. Where a link can begin its work only when its hosts have booted, or when a VM has left a full host, and its hosts shut down behind it, no plan reaches that; the tight bound counts it. Within 5 % of the lower bound: ${within('lower')} of ${rows.length} files, of the tight one: ${within('tight')}.`,
  );
  plot('The whole planning', rows, ({ planningMs }) => planningMs);
  console.log(
    'The search is bounded by what it tries, not by the size: it ends when the bound is met, else after some 20 million words that its list schedules look at.',
  );
  plot('One list schedule', rows, ({ listMs }) => listMs);
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
  let solved = solve(instance, { effort: 0, nodes: 0 });
  const planningMs = cpuMs(() => {
    solved = solve(instance);
  });
  const [broken] = verify(instance, solved);
  const { makespanSeconds: makespan, lowerBoundSeconds: lower, tightBoundSeconds: tight } = solved;
  if (broken) missed.push(`${name}: ${broken}`);
  if (planningMs > MOST_PLANNING_MS) missed.push(`${name}: planned in ${planningMs.toFixed(0)} ms`);
  if (!(makespan <= tight * MOST_ABOVE_BOUND))
    missed.push(`${name}: ${percent(makespan / tight)} above the tight bound`);
  const listMs = meanCpuMs(() => {
    const problem = problemOf(instance);
    listSchedule(problem, new Float64Array(problem.count).fill(1));
  });
  const judgedBy = lower === tight ? 'lower' : `tight: ${whatTheLowerLeavesOut(instance)}`;
  return { name, moves: instance.moves.length, lower, tight, makespan, judgedBy, planningMs, listMs };
}

function whatTheLowerLeavesOut({ hosts, moves }: Instance): string {
  const boot = Math.max(...moves.map(({ to }) => hosts[to]?.bootSeconds ?? 0));
  const shutdown = Math.max(...moves.map(({ from }) => hosts[from]?.shutdownSeconds ?? 0));
  if (boot === 0 && shutdown === 0) return 'a host is full at first';
  return `boot ${boot} s before, shutdown ${shutdown} s after`;
}

/** Time against the number of migrations, and the exponent of its growth. */
function plot(what: string, rows: readonly Row[], msOf: (row: Row) => number): void {
  const sizes = [...new Set(rows.map(({ moves }) => moves))].sort((a, b) => a - b);
  const points = sizes.map((moves) => ({
    moves,
    ms: mean(rows.filter((one) => one.moves === moves).map(msOf)),
  }));
  const most = Math.max(...points.map(({ ms }) => ms));
  console.log(`\n${what}: ms of CPU against migrations\n`);
  for (const { moves, ms } of points) {
    const bar = '#'.repeat(Math.max(1, Math.round((50 * ms) / most)));
    console.log(`${String(moves).padStart(6)} ${bar} ${ms.toFixed(1)} ms, ${((1000 * ms) / moves).toFixed(1)} µs each`);
  }
  const logs = points.map(({ moves, ms }) => ({ x: Math.log(moves), y: Math.log(ms) }));
  const [x, y] = [mean(logs.map((one) => one.x)), mean(logs.map((one) => one.y))];
  const slope = mean(logs.map((one) => (one.x - x) * (one.y - y))) / mean(logs.map((one) => (one.x - x) ** 2));
  console.log(`\nit grows as the number of migrations to the power of ${slope.toFixed(2)}`);
}

function percent(ratio: number): string {
  return `${((ratio - 1) * 100).toFixed(1)} %`;
}
