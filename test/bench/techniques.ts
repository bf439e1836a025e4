/**
 * Which technique is best in which cell of the grid (direction of the VM × host traffic × priority × dirty rate), and
 * what the shipped policies choose.
 *
 *   npm run bench:techniques -- --fluid   every cell in the simulator of test/bench/simulator (under a minute)
 *                                         (--inbound-follows: what a VM receives slows down as TCP does; else as UDP)
 *   npm run bench:techniques -- --live    12 cells on the lab, each technique 5 times, in an interleaved random order
 *                                         (about an hour; needs root; goes on where it was interrupted)
 *   npm run bench:techniques -- --report  what the runs in --file say
 */
import { parseArgs } from 'node:util';
import type { Technique } from '../../plugin/contract.ts';
import { TECHNIQUES } from '../../plugin/model/predict.ts';
import type { Policy } from '../../plugin/policy/schema.ts';
import { type CellResult, nameOf, runFluid } from './techniques/fluid.ts';
import { cellName } from './techniques/grid.ts';
import { runLive } from './techniques/live.ts';
import { regretLine, regretOf } from './techniques/regret.ts';
import { reportLive } from './techniques/report.ts';
import { shippedPolicy } from './techniques/shipped.ts';
import { worstCells } from './techniques/worst.ts';

const LIMIT_SECONDS = 300;
const WORST_SHOWN = 3;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      fluid: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      repetitions: { type: 'string', default: '5' },
      'inbound-follows': { type: 'boolean', default: false },
      live: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
      file: { type: 'string', default: 'techniques.jsonl' },
      name: { type: 'string', default: 'drover-techniques' },
      limit: { type: 'string', default: '40' },
      runs: { type: 'string', default: '1000' },
    },
  });
  const { file } = values;
  const repetitions = wholeNumber('repetitions', values.repetitions);
  const seed = wholeNumber('seed', values.seed);
  if (values.fluid) fluid(repetitions, seed, values['inbound-follows']);
  if (values.live) {
    await runLive({
      file,
      labName: values.name,
      seed,
      rounds: repetitions,
      limitMs: 1000 * wholeNumber('limit', values.limit),
      most: wholeNumber('runs', values.runs),
    });
  }
  if (values.live || values.report) {
    reportLive(file, shippedPolicy('default.yaml'), shippedPolicy('seed.yaml'));
  }
  if (!values.fluid && !values.live && !values.report) throw new Error('say what to run: --fluid, --live or --report');
}

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name} ${text}: a whole number above 0 is needed`);
  return Number(text);
}

function fluid(repetitions: number, seed: number, inboundFollows: boolean): void {
  const policies = [shippedPolicy('default.yaml'), shippedPolicy('seed.yaml')];
  const results = runFluid({ policies, repetitions, limitSeconds: LIMIT_SECONDS, seed, inboundFollows });
  console.log(`seed ${seed}, ${repetitions} repetitions, runs end at ${LIMIT_SECONDS} s (shown as >)\n`);
  printCells(results);
  printSummary(results, policies);
}

function printCells(results: readonly CellResult[]): void {
  console.log('TMT s (longest stall ms); d: default.yaml chooses it, s: seed.yaml\n');
  console.log(
    '| cell | pre-copy | post-copy | hybrid-copy | default / best | seed / best |\n| - | - | - | - | - | - |',
  );
  for (const { cell, outcome, decision } of results) {
    const marks = (technique: Technique) =>
      ['default.yaml', 'seed.yaml'].map((name) => (decision[name]?.technique === technique ? name[0] : '')).join('');
    const shown = TECHNIQUES.map((technique) => {
      const { seconds, censored, longestStallMs } = outcome[technique];
      return `${censored ? '>' : ''}${seconds.toFixed(1)} (${Math.round(longestStallMs)}) ${marks(technique)}`;
    });
    const best = Math.min(...TECHNIQUES.map((technique) => outcome[technique].seconds));
    const ratio = (name: string) => (outcome[decision[name]?.technique ?? 'pre-copy'].seconds / best).toFixed(2);
    console.log(`| ${cellName(cell)} | ${shown.join(' | ')} | ${ratio('default.yaml')} | ${ratio('seed.yaml')} |`);
  }
}

function printSummary(results: readonly CellResult[], policies: readonly Policy[]): void {
  for (const name of policies.map(nameOf)) {
    const judged = results.map(({ outcome, decision }) => ({
      seconds: Object.fromEntries(TECHNIQUES.map((technique) => [technique, outcome[technique].seconds])) as Record<
        Technique,
        number
      >,
      chosen: decision[name]?.technique ?? 'pre-copy',
    }));
    console.log(`\n${regretLine(name, regretOf(judged))}`);
    for (const line of worstCells(results, name, WORST_SHOWN)) console.log(`  ${line}`);
  }
}

await main();
