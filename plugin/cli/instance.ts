import { readFileSync } from 'node:fs';
import Table from 'cli-table3';
import { droverSeconds } from '../schedule/btrplace/drover.ts';
import { mvmSeconds } from '../schedule/btrplace/duration.ts';
import { type DurationModel, type Read, readBtrplace } from '../schedule/btrplace/read.ts';
import { type Solved, solve } from '../schedule/solve.ts';
import { verify } from '../schedule/verify.ts';

export interface InstanceOptions {
  instance: string;
  model?: 'mvm' | 'drover';
  json?: boolean;
  budget?: number;
  seed: number;
}

const MODELS: Record<'mvm' | 'drover', DurationModel> = { mvm: mvmSeconds, drover: droverSeconds };

/** `drover plan --instance`: what it prints, and notes for people. */
export function planInstance(options: InstanceOptions): { text: string; notes: string[] } {
  const read = readInstanceFile(options.instance, options.model);
  const { solved, planningMs } = planOf(read, options);
  const text = options.json ? planJson(read, solved, planningMs) : planText(read, solved, planningMs);
  return { text, notes: [...new Set(read.notes)] };
}

function readInstanceFile(file: string, model: InstanceOptions['model']): Read {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${file}`, { cause: error });
  }
  try {
    return readBtrplace(text, model === undefined ? null : MODELS[model]);
  } catch (error) {
    throw new Error(file, { cause: error });
  }
}

/** The plan, checked, and how long making it took. Throws if some migration can never start. */
function planOf(read: Read, { budget, seed }: InstanceOptions): { solved: Solved; planningMs: number } {
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
