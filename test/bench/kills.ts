/**
 * kill -9 of the real plugin at random and at chosen moments, under a stream of clients, before a fast double of
 * Keystone, Nova and three hostds that makes faults of its own. `npm run bench:kills [-- --kills 1000 --rigs 3 --seed N]`,
 * with `--least-contended` under a policy by which Drover chooses destinations,
 * about 8 minutes. Ends with 1 and says what was wrong if an accepted migration was lost, doubled, or did not come to
 * exactly one final state, or if a lease was left.
 *
 * `npm run bench:kills -- --lab --kills 50 [--name LAB --guests 5 --seed N]`: the same, at random moments, in a lab with a
 * real OpenStack and real guests, judged by Nova's own records; about 15 minutes with the lab's start. The lab stays up.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type CampaignOptions, type CampaignResult, campaign } from '../kills/campaign.ts';
import { labCampaign } from '../kills/lab/campaign.ts';

const CLIENTS = 8;
const CALM_EVERY = 50;
const CALM_MS = 17_000;
const TELL_EVERY = 50;

async function main(
  kills: number,
  rigs: number,
  seed: number,
  destination: CampaignOptions['destination'],
): Promise<void> {
  console.log(`${kills} kills, ${rigs} plugins at once, seed ${seed}`);
  const startedAtMs = performance.now();
  const share = (n: number) => Math.floor(kills / rigs) + (n < kills % rigs ? 1 : 0);
  const results = await Promise.all(Array.from({ length: rigs }, (_, n) => run(share(n), seed + n, destination)));
  report(results, (performance.now() - startedAtMs) / 1000);
}

let killed = 0;

function tellProgress(): void {
  killed += 1;
  if (killed % TELL_EVERY === 0) console.error(`${killed} kills`);
}

async function run(kills: number, seed: number, destination: CampaignOptions['destination']): Promise<CampaignResult> {
  const folder = mkdtempSync(join(tmpdir(), 'drover-kills-'));
  try {
    const pace = { clients: CLIENTS, calmEvery: CALM_EVERY, calmMs: CALM_MS };
    const result = await campaign({ kills, seed, folder, ...pace, destination, killed: tellProgress });
    const bad = [...result.lost, ...result.doubled, ...result.wrong];
    if (bad.length > 0) console.error(`seed ${seed}, kept in ${folder}:\n  ${bad.join('\n  ')}`);
    else rmSync(folder, { recursive: true });
    return result;
  } catch (error) {
    console.error(`seed ${seed}, kept in ${folder}`);
    throw error;
  }
}

function report(results: readonly CampaignResult[], seconds: number): void {
  const sum = (of: (result: CampaignResult) => number) => results.reduce((total, result) => total + of(result), 0);
  const aims = new Map<string, number>();
  for (const { kills } of results) for (const [aim, count] of kills) aims.set(aim, (aims.get(aim) ?? 0) + count);
  console.log('\n| killed at | kills |\n| --- | --- |');
  for (const [aim, count] of [...aims].sort((a, b) => b[1] - a[1])) console.log(`| ${aim} | ${count} |`);
  const starts = results.flatMap(({ startsMs }) => startsMs).toSorted((a, b) => a - b);
  const at = (part: number) => starts[Math.min(starts.length - 1, Math.floor(starts.length * part))]?.toFixed(0);
  const kills = [...aims.values()].reduce((total, count) => total + count, 0);
  console.log(`
${kills} kills in ${seconds.toFixed(0)} s; a start took ${at(0.5)} ms (95 %: ${at(0.95)} ms)
requests: ${sum((r) => r.asked)}, of which ${sum((r) => r.broken)} got no answer; faults made: ${sum((r) => r.faults)}
accepted: ${sum((r) => r.accepted)}, of which ${sum((r) => r.deferred)} deferred; taken by Nova: ${sum((r) => r.taken)}; records: ${sum((r) => r.records)}
waited, and another one of that server that was left to Nova moved it: ${sum((r) => r.movedMeanwhile.length)}, was running: ${sum((r) => r.collided.length)}
Nova did not take the host that Drover chose, and was asked once more: ${sum((r) => r.askedAgain)}
lost: ${sum((r) => r.lost.length)}, doubled: ${sum((r) => r.doubled.length)}, otherwise wrong: ${sum((r) => r.wrong.length)}`);
  if (sum((r) => r.lost.length + r.doubled.length + r.wrong.length) > 0) process.exitCode = 1;
}

async function mainInLab(kills: number, guests: number, labName: string, seed: number): Promise<void> {
  console.log(`${kills} kills in the lab ${labName}, seed ${seed}`);
  const startedAtMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'drover-kills-'));
  const result = await labCampaign({ kills, guests, labName, seed, folder });
  const bad = [...result.lost, ...result.doubled, ...result.wrong];
  if (bad.length > 0) console.error(`kept in ${folder}:\n  ${bad.join('\n  ')}`);
  else rmSync(folder, { recursive: true });
  const ends = [...result.ends].map(([end, count]) => `${count} ${end}`).join(', ');
  console.log(`
${result.kills.whileRunning + result.kills.whileStarting} kills in ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s, ${result.kills.whileStarting} while it started, ${result.duringMigrations} while Nova moved a guest
requests: ${result.asked}, of which ${result.broken} got no answer
accepted: ${result.accepted}, of which ${result.deferred} deferred; records: ${result.records}
Nova took ${result.taken}: ${ends}; refused ${result.refused} that had waited
waited, and another one of that server that was left to Nova moved it: ${result.movedMeanwhile.length}
lost: ${result.lost.length}, doubled: ${result.doubled.length}, otherwise wrong: ${result.wrong.length}`);
  if (bad.length > 0) process.exitCode = 1;
}

const { values } = parseArgs({
  options: {
    lab: { type: 'boolean', default: false },
    name: { type: 'string', default: 'drover-kills' },
    guests: { type: 'string', default: '5' },
    kills: { type: 'string', default: '1000' },
    rigs: { type: 'string', default: '3' },
    'least-contended': { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const [kills, seed] = [Number(values.kills), Number(values.seed)];
if (values.lab) await mainInLab(kills, Number(values.guests), values.name, seed);
else await main(kills, Number(values.rigs), seed, values['least-contended'] ? 'least-contended' : 'keep');
