/** High and medium priority beside a workload at line rate both ways, as Algorithm 2 reserves and the plugin adapts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { settledAfterMs } from './band.ts';
import { begin, CROSSED, finish, isNear, LOWER, MEASURE_MS, REVERSE, SETTLE_MS, SharesTable, UPPER } from './cases.ts';
import type { Guest } from './guest.ts';
import { monotonicMs } from './meter.ts';
import { verdict } from './report.ts';
import { LINKS, shares } from './shares.ts';
import type { Stage } from './stage.ts';
import { BOTH_WAYS, deliveredRates, Flow, type Way } from './workload.ts';

const SMALL_WORKLOAD = 40;
const FOLLOWS_WITHIN_MS = 1000;
/** Until a workload that is back has been seen to fill what it is guaranteed: hostd's rates are means of 5 s. */
const BACK_MS = 8000;

export async function priorities(stage: Stage): Promise<void> {
  const table = new SharesTable();
  const guest = stage.guest({ number: 0, memoryMebibytes: 1024, fillMebibytes: 800 });
  await guest.boot();
  await guest.dirty(700, 60);
  const flows = await Promise.all(BOTH_WAYS.map((way) => Flow.start(stage, way)));
  await sleep(SETTLE_MS);
  const alone = await deliveredRates(stage, MEASURE_MS);
  await high(stage, guest, alone, table);
  await medium(stage, guest, flows, table);
  await guest.quit();
  table.print();
}

async function high(stage: Stage, guest: Guest, alone: readonly number[], table: SharesTable): Promise<void> {
  const running = await begin(stage, guest, 'high');
  const [delivered, both] = await Promise.all([deliveredRates(stage, MEASURE_MS), shares(stage, MEASURE_MS)]);
  table.note('high', both);
  for (const [index, { workload }] of both.entries()) {
    verdict(`high, ${LINKS[index]?.name}: workload ${workload.toFixed(1)} is lower ± 10 %`, isNear(workload, LOWER));
  }
  const reverse = REVERSE.map((way) => (delivered[BOTH_WAYS.indexOf(way)] ?? 0) / (alone[BOTH_WAYS.indexOf(way)] ?? 0));
  verdict(
    `high: the other way of each host keeps ${reverse.map((share) => (100 * share).toFixed(1)).join(' and ')} % of what it had`,
    reverse.every((share) => share >= 0.9),
  );
  await finish(guest, running);
}

async function medium(stage: Stage, guest: Guest, flows: readonly Flow[], table: SharesTable): Promise<void> {
  const running = await begin(stage, guest, 'medium');
  const both = await shares(stage, MEASURE_MS);
  table.note('medium', both);
  for (const [index, { workload }] of both.entries()) {
    const name = LINKS[index]?.name;
    verdict(`medium, ${name}: workload ${workload.toFixed(1)} is at most upper + 10 %`, workload <= 1.1 * UPPER);
    verdict(`medium, ${name}: workload ${workload.toFixed(1)} is at least upper - 10 %`, workload >= 0.9 * UPPER);
  }
  await followed(stage, 'all workload falls', BOTH_WAYS, flows, table);
  const again = await Promise.all(CROSSED.map((way) => Flow.start(stage, way)));
  const reverse = await Promise.all(REVERSE.map((way) => Flow.start(stage, way)));
  await sleep(BACK_MS);
  const back = await shares(stage, MEASURE_MS);
  table.note('medium, workload is back', back);
  for (const [index, { workload }] of back.entries()) {
    const name = LINKS[index]?.name;
    verdict(
      `medium, ${name}: a workload that is back gets ${workload.toFixed(1)}, upper ± 10 %`,
      isNear(workload, UPPER),
    );
  }
  await followed(stage, 'only the workload beside it falls', CROSSED, again, table);
  await finish(guest, running);
  for (const flow of reverse) await flow.stop();
}

/** Lets the workload fall and looks when the migration has what it left. */
async function followed(
  stage: Stage,
  what: string,
  ways: readonly Way[],
  flows: readonly Flow[],
  table: SharesTable,
): Promise<void> {
  const little = await Promise.all(ways.map((way) => Flow.start(stage, way, { streams: 1, megabits: SMALL_WORKLOAD })));
  await sleep(1000);
  const droppedAtMs = monotonicMs();
  await Promise.all(flows.map((flow) => flow.stop()));
  await sleep(4000);
  const shapeable = (await stage.plugin.client('a').info()).shapeableBitsPerSecond;
  for (const { name, host, device } of LINKS) {
    const options = { targetBitsPerSecond: shapeable - SMALL_WORKLOAD * 1e6, windowMs: 200 };
    const after = settledAfterMs(stage.counter(host, `${device} 20`), droppedAtMs, droppedAtMs + 3500, options);
    const text =
      `medium, ${name}: ${what} to ${SMALL_WORKLOAD}, the migration has the rest (± 10 %, windows of 200 ms) ` +
      `after ${after ?? 'more than 3500'} ms`;
    verdict(text, after !== null && after <= FOLLOWS_WITHIN_MS);
  }
  table.note(`medium, ${what}`, await shares(stage, MEASURE_MS));
  for (const flow of little) await flow.stop();
}
