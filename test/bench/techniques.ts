/**
 * Which technique is best in which cell of the grid (direction of the VM × host traffic × priority × dirty rate), and
 * what the shipped policies choose. `npm run bench:techniques -- --fluid` in the simulator of test/bench/simulator
 * (about a minute).
 */
import { parseArgs } from 'node:util';
import type { Technique } from '../../plugin/contract.ts';
import { TECHNIQUES } from '../../plugin/model/predict.ts';
import type { Policy } from '../../plugin/policy/schema.ts';
import { type CellResult, nameOf, runFluid } from './techniques/fluid.ts';
import { cellName } from './techniques/grid.ts';
import { regretOf } from './techniques/regret.ts';
import { shippedPolicy } from './techniques/shipped.ts';

const LIMIT_SECONDS = 300;

function main(): void {
  const { values } = parseArgs({
    options: {
      fluid: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      repetitions: { type: 'string', default: '5' },
    },
  });
  if (!values.fluid) throw new Error('say what to run: --fluid');
  const policies = [shippedPolicy('default.yaml'), shippedPolicy('seed.yaml')];
  const seed = Number(values.seed);
  const results = runFluid({ policies, repetitions: Number(values.repetitions), limitSeconds: LIMIT_SECONDS, seed });
  console.log(`seed ${seed}, ${values.repetitions} repetitions, runs end at ${LIMIT_SECONDS} s (shown as >)\n`);
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
  for (const policy of policies) {
    const name = nameOf(policy);
    const regret = regretOf(
      results.map(({ outcome, decision }) => ({
        seconds: Object.fromEntries(TECHNIQUES.map((technique) => [technique, outcome[technique].seconds])) as Record<
          Technique,
          number
        >,
        chosen: decision[name]?.technique ?? 'pre-copy',
      })),
    );
    const { bestSingle, meanSeconds } = regret;
    const gain = 100 * (1 - meanSeconds / bestSingle.meanSeconds);
    console.log(
      `\n${name}: within 5 % of the best in ${regret.within5} of ${regret.cells} cells; mean TMT ${meanSeconds.toFixed(2)} s (best in hindsight ${regret.meanBestSeconds.toFixed(2)} s), ${gain.toFixed(1)} % below the best single technique (${bestSingle.technique}, ${bestSingle.meanSeconds.toFixed(2)} s)`,
    );
  }
}

main();
