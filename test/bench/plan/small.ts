/** Ten migrations on four hosts: against the published plans, the bound, and simple ways to do without a plan. */
import { join } from 'node:path';
import { type FluidPlan, simulate } from '../../../plugin/model/fluid.ts';
import { flowsOf } from '../../../plugin/schedule/btrplace/flows.ts';
import { type Read, readBtrplace } from '../../../plugin/schedule/btrplace/read.ts';
import { solve } from '../../../plugin/schedule/solve.ts';
import { verify } from '../../../plugin/schedule/verify.ts';
import { cpuMs } from './cpu.ts';
import { filesIn, mean } from './files.ts';
import { smallPlan } from './generate.ts';

const GENERATED = 25;
const WAYS = ['our plan', 'published plan', 'all parallel', 'serial', 'two a host, in request order'] as const;

interface Way {
  makespan: number;
  each: number;
  stopped: number;
  unended: number;
}

/** Prints the tables; returns the goals that were missed. */
export function benchSmall(data: string | null): string[] {
  const files = data
    ? filesIn(join(data, 'grid5000/plans'))
    : Array.from({ length: GENERATED }, (_, n) => ({ name: `generated.${n + 1}`, text: smallPlan(n + 1) }));
  const missed: string[] = [];
  const rows = files.map(({ name, text }) => {
    const read = readBtrplace(text, null);
    let solved = solve(read.instance, { effort: 0, nodes: 0 });
    const planningMs = cpuMs(() => {
      solved = solve(read.instance);
    });
    const published = publishedMakespan(read);
    const broken = verify(read.instance, solved);
    if (broken.length > 0) missed.push(`${name}: ${broken[0]}`);
    if (solved.makespanSeconds > published)
      missed.push(`${name}: ${solved.makespanSeconds} s, published ${published} s`);
    return { name, read, solved, planningMs, published };
  });
  console.log(
    `\nTen migrations on four hosts (${data ? 'published: mVM' : 'generated; published: one after the other'})\n`,
  );
  console.log('| file | lower bound, s | ours, s | above | shortest proven | published, s | planned in, ms of CPU |');
  console.log('| --- | ---: | ---: | ---: | --- | ---: | ---: |');
  for (const { name, solved, planningMs, published } of rows) {
    const { lowerBoundSeconds: bound, makespanSeconds: own, optimal } = solved;
    console.log(
      `| ${name} | ${bound.toFixed(0)} | ${own} | ${percent(own / bound)} | ${optimal ? 'yes' : 'no'} | ${published} | ${planningMs.toFixed(1)} |`,
    );
  }
  const all = (pick: (row: (typeof rows)[number]) => number) => mean(rows.map(pick));
  const own = all(({ solved }) => solved.makespanSeconds);
  const bound = all(({ solved }) => solved.lowerBoundSeconds);
  console.log(
    `| mean of ${rows.length} | ${bound.toFixed(1)} | ${own.toFixed(1)} | ${percent(own / bound)} | ${rows.filter(({ solved }) => solved.optimal).length} | ${all((row) => row.published).toFixed(1)} | ${all((row) => row.planningMs).toFixed(1)} |`,
  );

  console.log('\nThe same in the fluid model (means; hot pages that do not converge go over with the guest stopped)\n');
  console.log('| way | all have ended, s | a migration takes, s | longest stop of a guest, s | longest of a file, s |');
  console.log('| --- | ---: | ---: | ---: | ---: |');
  const quoted: string[] = [];
  for (const way of WAYS) {
    const played = rows.map(({ read, solved }) => play(read, way, solved.starts as number[]));
    const longest = Math.max(...played.map(({ makespan }) => makespan));
    console.log(
      `| ${way} | ${mean(played.map(({ makespan }) => makespan)).toFixed(1)} | ${mean(played.map(({ each }) => each)).toFixed(1)} | ${Math.max(...played.map(({ stopped }) => stopped)).toFixed(1)} | ${longest.toFixed(0)} |`,
    );
    const ends = mean(played.map(({ makespan }) => makespan)).toFixed(0);
    const each = mean(played.map((one) => one.each)).toFixed(0);
    const stop = Math.max(...played.map(({ stopped }) => stopped)).toFixed(1);
    quoted.push(`${way} ${ends} s (${each} s, ${stop} s)`);
  }
  console.log(
    `\nTo quote: all have ended after, mean of ${rows.length} files (a migration takes; longest stop of a guest): ${quoted.join(', ')}`,
  );
  return missed;
}

function publishedMakespan({ instance, publishedStarts }: Read): number {
  const ends = instance.moves.map((move, m) => (publishedStarts?.[m] ?? 0) + move.durationSeconds);
  return Math.max(0, ...ends);
}

function play(read: Read, way: (typeof WAYS)[number], own: readonly number[]): Way {
  const starts = way === 'our plan' ? own : way === 'published plan' ? (read.publishedStarts ?? []) : [];
  const { links, migrations } = flowsOf(read, starts);
  const isPlanned = way === 'our plan' || way === 'published plan';
  const plan: FluidPlan = { migrations, ...(isPlanned ? {} : { mayStart: ruleOf(read, way) }) };
  const outcome = simulate(plan, links, isPlanned ? 'planned' : 'max-min');
  return {
    makespan: outcome.makespanMs / 1000,
    each: mean(outcome.migrations.map(({ startMs, endMs }) => (endMs - startMs) / 1000)),
    stopped: Math.max(...outcome.migrations.map(({ stoppedMs }) => stoppedMs / 1000)),
    unended: outcome.migrations.filter(({ endMs }) => endMs === Number.POSITIVE_INFINITY).length,
  };
}

function ruleOf(
  { instance }: Read,
  way: (typeof WAYS)[number],
): (index: number, running: readonly number[]) => boolean {
  if (way === 'all parallel') return () => true;
  if (way === 'serial') return (_, running) => running.length === 0;
  const ends = (m: number) => [instance.moves[m]?.from, instance.moves[m]?.to];
  return (index, running) =>
    ends(index).every((host) => running.filter((other) => ends(other).includes(host)).length < 2);
}

function percent(ratio: number): string {
  return `${((ratio - 1) * 100).toFixed(1)} %`;
}
