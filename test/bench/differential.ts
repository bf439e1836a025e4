/**
 * `npm run bench:differential`: the same requests to Nova directly and through Drover, answers compared to the byte. Ends
 * with 1 if one of them differs in a way that differential/exceptions.ts does not name.
 */
import { Command } from 'commander';
import { Drover, shippedPolicy } from '../lab/drover.ts';
import { ensureLab } from '../lab/lab.ts';
import { wholeCorpus } from './differential/corpus.ts';
import { unusedExceptions } from './differential/exceptions.ts';
import { record } from './differential/record.ts';
import { renderReport } from './differential/report.ts';
import { runComparison } from './differential/run.ts';
import { Scene } from './differential/scene.ts';

const say = (text: string) => console.error(text);

async function main(): Promise<void> {
  const program = new Command('bench:differential')
    .option('--lab <name>', 'the lab to use; brought up with two hosts if it is not', 'drover')
    .option('--seed <n>', 'of the random requests', '1')
    .option('--random <n>', 'how many of them', '2500')
    .option('--source <source...>', 'only these: recorded, horizon, random, hostile, malformed, migrate, stateful')
    .option('--record', 'record what the stock clients send anew, and end', false)
    .parse();
  const options = program.opts<{ lab: string; seed: string; random: string; source?: string[]; record: boolean }>();
  const lab = await ensureLab(options.lab);
  const drover = new Drover(lab, shippedPolicy('seed.yaml'));
  let scene: Scene | null = null;
  try {
    scene = await Scene.set(lab);
    if (options.record) {
      say(`${await record(lab, scene.values, say)} requests recorded`);
      return;
    }
    await drover.start();
    const wanted = (source: string) => options.source === undefined || options.source.includes(source);
    const requests = wholeCorpus(Number(options.seed), Number(options.random)).filter(({ source }) => wanted(source));
    const report = await runComparison(lab, { requests, stories: wanted('stateful'), values: scene.values });
    console.log(renderReport(report));
    // With a part of the requests alone nobody can tell.
    const unused = options.source === undefined ? unusedExceptions(report.excepted) : [];
    for (const name of unused) console.log(`no request falls under the exception "${name}": take it out`);
    process.exitCode = report.differing.length + unused.length > 0 ? 1 : 0;
  } finally {
    await scene?.strike();
    await drover.stop();
    lab.close();
  }
}

await main();
