/**
 * `npm run bench:tempest`: Debian's tempest, its compute API tests for live migration and servers, once against Nova and
 * once through Drover (the catalogue's public endpoint), and once more against Nova what differed: a test that comes to
 * another result there, too, tells nothing of Drover. Prints every test with both results; ends with 1 if two differ.
 */
import Table from 'cli-table3';
import { Command } from 'commander';
import { DROVER_ENDPOINT, Drover, shippedPolicy } from '../lab/drover.ts';
import { ensureLab } from '../lab/lab.ts';
import { KeptResults, type Side } from './tempest/kept.ts';
import { compareResults, type Result } from './tempest/results.ts';
import { Tempest } from './tempest/run.ts';

const TESTS = [
  ...['admin.test_live_migration', 'admin.test_live_migration_negative', 'admin.test_migrations'],
  ...['servers.test_create_server', 'servers.test_delete_server', 'servers.test_instance_actions'],
  ...['servers.test_list_server', 'servers.test_server_actions', 'servers.test_server_metadata'],
  ...['servers.test_server_tags', 'servers.test_servers', 'admin.test_servers', 'admin.test_server_diagnostics'],
].map((name) => `^tempest\\.api\\.compute\\.${name.replace('.', '\\.')}`);

async function main(): Promise<void> {
  const program = new Command('bench:tempest')
    .option('--lab <name>', 'the lab to use; brought up with two hosts if it is not', 'drover')
    .option('--tests <regex...>', 'other tests, by regular expression')
    .option('--minutes <n>', 'time limit of each side', '40')
    .option('--at-once <n>', 'test classes at once', '4')
    .option('--results <file>', 'keeps each side’s results there; a side that is there already is not run again')
    .option('--direct-only', 'ends after the direct side', false)
    .parse();
  const options = program.opts<{
    lab: string;
    tests?: string[];
    minutes: string;
    atOnce: string;
    results?: string;
    directOnly: boolean;
  }>();
  const kept = new KeptResults(options.results ?? null);
  const lab = await ensureLab(options.lab);
  const drover = new Drover(lab, shippedPolicy('seed.yaml'));
  try {
    const tempest = new Tempest(lab);
    await tempest.prepare(options.tests ?? TESTS);
    const side = async (name: Side): Promise<Map<string, Result>> => {
      const before = kept.of(name);
      if (before) return before;
      const startedMs = Date.now();
      const results = await tempest.run(Number(options.minutes) * 60_000, Number(options.atOnce));
      console.error(`${name}: ${results.size} tests in ${Math.round((Date.now() - startedMs) / 1000)} s`);
      kept.keep(name, results);
      return results;
    };
    const direct = await side('directly');
    if (options.directOnly) return;
    await drover.start();
    const restore = await lab.swapComputeEndpoint(DROVER_ENDPOINT);
    const through = await side('through Drover').finally(restore);

    const compared = compareResults(direct, through);
    const unlike = compared.filter(({ direct: one, through: other }) => one !== other);
    if (unlike.length > 0) tempest.choose(unlike.map(({ test }) => `^${test.replaceAll('.', '\\.')}(\\[|$)`));
    const again = unlike.length > 0 ? await side('directly again') : new Map<string, Result>();
    const isUnsteady = (test: string, one: Result) => again.has(test) && again.get(test) !== one;
    const table = new Table({ head: ['test', 'directly', 'through Drover', ''] });
    for (const { test, direct: one, through: other } of compared) {
      const note = one === other ? '' : isUnsteady(test, one) ? `directly again: ${again.get(test)}` : 'differs';
      table.push([test.replace('tempest.api.compute.', ''), one, other, note]);
    }
    console.log(table.toString());
    const differing = unlike.filter(({ test, direct: one }) => !isUnsteady(test, one)).length;
    const count = (result: Result) => compared.filter(({ through: other }) => other === result).length;
    console.log(
      `${compared.length} tests, ${differing} differ, ${unlike.length - differing} differ as two direct runs do; through Drover ${count('success')} succeed, ` +
        `${count('fail')} fail, ${count('skip')} are skipped; ${(await drover.migrations()).length} migrations in its queue`,
    );
    process.exitCode = differing > 0 ? 1 : 0;
  } finally {
    await drover.stop();
    lab.close();
  }
}

await main();
