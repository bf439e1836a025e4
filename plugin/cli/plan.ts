import { readFileSync } from 'node:fs';
import Table from 'cli-table3';
import { type Command, InvalidArgumentError } from 'commander';
import { type Read, readBtrplace } from '../schedule/btrplace/read.ts';
import { type Solved, solve } from '../schedule/solve.ts';
import { verify } from '../schedule/verify.ts';

interface PlanOptions {
  instance: string;
  json?: boolean;
  budget?: number;
  seed: number;
}

/** Adds `drover plan`. */
export function registerPlan(program: Command): void {
  program
    .command('plan')
    .description('plans the migrations of a BtrPlace instance or plan file: when each starts, and how long all take')
    .requiredOption('--instance <file>', 'a file with `model` and `constraints`, or with `origin` and `actions`')
    .option('--json', 'one JSON object: seconds and Mbit/s, the numbers as in the file; notes go to standard error')
    .option('--budget <ms>', 'stop after this time; the plan may then differ between runs', positive)
    .option('--seed <n>', 'seed of the search; the same seed gives the same plan', whole, 1)
    .action((options: PlanOptions) => {
      const read = readInstanceFile(options.instance);
      const { solved, planningMs } = planOf(read, options);
      // Beside the one object, not in it: a plan that was made on assumptions must say so.
      for (const note of new Set(read.notes)) console.error(`note: ${note}`);
      console.log(options.json ? planJson(read, solved, planningMs) : planText(read, solved, planningMs));
    });
}

function positive(text: string): number {
  const ms = Number(text);
  if (!(ms > 0)) throw new InvalidArgumentError('it is a number of milliseconds above 0.');
  return ms;
}

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('it is a whole number.');
  return Number(text);
}

function readInstanceFile(file: string): Read {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${file}`, { cause: error });
  }
  try {
    return readBtrplace(text, null);
  } catch (error) {
    throw new Error(file, { cause: error });
  }
}

/** The plan, checked, and how long making it took. Throws if some migration can never start. */
function planOf(read: Read, { budget, seed }: PlanOptions): { solved: Solved; planningMs: number } {
  const began = performance.now();
  const isOver = budget === undefined ? {} : { isOver: () => performance.now() - began > budget };
  const solved = solve(read.instance, { seed, ...isOver });
  const planningMs = performance.now() - began;
  const stuck = read.instance.moves.filter((_, m) => solved.starts[m] === null);
  if (stuck.length > 0) {
    const [first] = stuck;
    const to = read.instance.hosts[first?.to ?? -1]?.name;
    throw new Error(
      `${stuck.length} of ${solved.starts.length} migrations can never start in any order that was tried, e.g. VM ${first?.vm}: no room on ${to}. Move another VM away first`,
    );
  }
  const broken = verify(read.instance, solved);
  if (broken.length > 0) throw new Error(`the plan made breaks ${broken.length} rules, which is a bug: ${broken[0]}`);
  return { solved, planningMs };
}

interface Row {
  vm: number;
  from: number;
  to: number;
  start: number;
  end: number;
  bandwidth: number;
}

/** In order of start; the file's own numbers. */
function rowsOf({ instance, nodes }: Read, { starts }: Solved): Row[] {
  const rows = instance.moves.map((move, m): Row => {
    const start = starts[m] ?? 0;
    return {
      vm: move.vm,
      from: nodes[move.from] ?? -1,
      to: nodes[move.to] ?? -1,
      start,
      end: start + move.durationSeconds,
      bandwidth: move.mbitPerSecond,
    };
  });
  return rows.sort((a, b) => a.start - b.start || a.end - b.end || a.vm - b.vm);
}

function planJson(read: Read, solved: Solved, planningMs: number): string {
  return JSON.stringify({
    migrations: rowsOf(read, solved),
    makespan: solved.makespanSeconds,
    lowerBound: solved.lowerBoundSeconds,
    planningMs,
  });
}

function planText(read: Read, solved: Solved, planningMs: number): string {
  const table = new Table({
    head: ['VM', 'From', 'To', 'Start', 'End', 'Mbit/s'],
    colAligns: ['right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const { vm, from, to, start, end, bandwidth } of rowsOf(read, solved)) {
    table.push([vm, from, to, `${start} s`, `${end} s`, bandwidth]);
  }
  const { makespanSeconds, lowerBoundSeconds, tightBoundSeconds, optimal } = solved;
  const above = (bound: number) => `${((makespanSeconds / bound - 1) * 100).toFixed(1)} % above`;
  const tight =
    tightBoundSeconds > lowerBoundSeconds
      ? `, with boots, shutdowns and full hosts ${tightBoundSeconds.toFixed(1)} s (${above(tightBoundSeconds)})`
      : '';
  return [
    ...(read.instance.moves.length > 0 ? [table.toString()] : []),
    `${read.instance.moves.length} migrations, makespan ${makespanSeconds} s${optimal ? ' (no shorter one exists)' : ''}`,
    `lower bound ${lowerBoundSeconds.toFixed(1)} s (${lowerBoundSeconds > 0 ? above(lowerBoundSeconds) : 'nothing to do'})${tight}`,
    `planned in ${planningMs.toFixed(1)} ms`,
  ].join('\n');
}
