/**
 * Two replicas of the real plugin on a real MariaDB, before a double of Keystone, Nova and three hostds that makes faults
 * of its own, under a stream of clients of both: the leader is killed with kill -9, its connection to the database cut, and
 * its process stopped to go on later, again and again. `npm run bench:replicas [-- --kills 50 --cuts 50 --stops 20 --rigs 2
 * --seed N]`, about 12 minutes. Shows each take-over; ends with 1 if one took more than 10 s, if an accepted migration was lost or doubled, if two led at once, or
 * if a record did not come to exactly one final state.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Blow, type ReplicaCampaignResult, replicaCampaign, TAKE_OVER_WITHIN_MS } from '../replicas/campaign.ts';

const CLIENTS = 6;

type Blows = { kills: number; cuts: number; stops: number };

async function run(blows: Blows, seed: number): Promise<ReplicaCampaignResult> {
  const folder = mkdtempSync(join(tmpdir(), 'drover-replicas-'));
  const result = await replicaCampaign({ ...blows, seed, folder, clients: CLIENTS });
  const bad = [...result.lost, ...result.doubled, ...result.wrong];
  if (bad.length > 0) console.error(`seed ${seed}, kept in ${folder}:\n  ${bad.join('\n  ')}`);
  else rmSync(folder, { recursive: true });
  return result;
}

function report(results: readonly ReplicaCampaignResult[], seconds: number): void {
  const sum = (of: (result: ReplicaCampaignResult) => number) => results.reduce((total, each) => total + of(each), 0);
  const timesOf = (blow: Blow) => results.flatMap(({ afterMs }) => afterMs[blow]);
  const [kills, cuts, stops] = [timesOf('kill'), timesOf('cut'), timesOf('stop')];
  for (const [what, times] of [['kill -9', kills] as const, ['cut off', cuts] as const, ['stop', stops] as const]) {
    if (times.length === 0) continue;
    const sorted = times.toSorted((x, y) => x - y);
    const at = (n: number) => sorted.at(n)?.toFixed(0);
    console.log(`take-over after each ${what}, ms: ${times.map((ms) => ms.toFixed(0)).join(' ')}`);
    console.log(`  shortest ${at(0)}, median ${at(Math.floor(sorted.length / 2))}, longest ${at(-1)}`);
  }
  console.log(`
${kills.length} kills, ${cuts.length} cuts and ${stops.length} stops in ${seconds.toFixed(0)} s
requests: ${sum((r) => r.asked)}, of which ${sum((r) => r.broken)} got no answer; taken by Nova: ${sum((r) => r.taken)}, of which ${sum((r) => r.unmanaged)} without a record
accepted: ${sum((r) => r.accepted)}, of which ${sum((r) => r.deferred)} deferred; records: ${sum((r) => r.records)}
waited, and another one of that server that was left to Nova moved it: ${sum((r) => r.movedMeanwhile.length)}, was running: ${sum((r) => r.collided.length)}
lost: ${sum((r) => r.lost.length)}, doubled: ${sum((r) => r.doubled.length)}, otherwise wrong: ${sum((r) => r.wrong.length)}`);
  const late = [...kills, ...cuts, ...stops].filter((ms) => ms > TAKE_OVER_WITHIN_MS).length;
  if (late > 0) console.error(`${late} take-overs took more than ${TAKE_OVER_WITHIN_MS / 1000} s`);
  if (late + sum((r) => r.lost.length + r.doubled.length + r.wrong.length) > 0) process.exitCode = 1;
}

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    cuts: { type: 'string', default: '50' },
    stops: { type: 'string', default: '20' },
    rigs: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const numbers = [values.kills, values.cuts, values.stops, values.rigs, values.seed].map(Number);
const [kills, cuts, stops, rigs, seed] = numbers as [number, number, number, number, number];
const share = (of: number, n: number) => Math.floor(of / rigs) + (n < of % rigs ? 1 : 0);
const blows = (n: number) => ({ kills: share(kills, n), cuts: share(cuts, n), stops: share(stops, n) });
console.log(`${kills} kills, ${cuts} cuts, ${stops} stops, ${rigs} pairs of replicas at once, seed ${seed}`);
const startedAtMs = performance.now();
const results = await Promise.all(Array.from({ length: rigs }, (_, n) => run(blows(n), seed + n)));
report(results, (performance.now() - startedAtMs) / 1000);
