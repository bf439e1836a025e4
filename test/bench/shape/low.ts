/** Low priority beside a workload at line rate both ways: what it costs the workload, and that it ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import { begin, MEASURE_MS, SETTLE_MS, SharesTable } from './cases.ts';
import type { Guest } from './guest.ts';
import { monotonicMs } from './meter.ts';
import { printTable, verdict } from './report.ts';
import { shares } from './shares.ts';
import type { Stage } from './stage.ts';
import { BOTH_WAYS, deliveredRates, Flow } from './workload.ts';

export async function low(stage: Stage): Promise<void> {
  const table = new SharesTable();
  const guest = stage.guest({ number: 1, memoryMebibytes: 128, fillMebibytes: 16 });
  await guest.boot();
  const flows = await Promise.all(BOTH_WAYS.map((way) => Flow.start(stage, way)));
  await sleep(SETTLE_MS);
  const alone = await deliveredRates(stage, 2 * MEASURE_MS);
  await beside(stage, guest, alone, table);
  for (const flow of flows) await flow.stop();
  await guest.quit();
  table.print();
}

async function beside(stage: Stage, guest: Guest, alone: readonly number[], table: SharesTable): Promise<void> {
  const { reservation, startedAtMs } = await begin(stage, guest, 'low', { endless: false });
  const [delivered, both] = await Promise.all([deliveredRates(stage, 2 * MEASURE_MS), shares(stage, 2 * MEASURE_MS)]);
  table.note('low', both);
  const ways = BOTH_WAYS.map(({ host, direction }, index) => ({
    name: `${host} ${direction}`,
    cost: 100 * (1 - (delivered[index] ?? 0) / (alone[index] ?? 0)),
  }));
  printTable(
    'Workload that arrives, Mbit/s: alone, without any lease, and beside a migration of low priority',
    ['way', 'alone', 'beside it', 'cost, %'],
    ways.map(({ name, cost }, index) => [name, alone[index] ?? 0, delivered[index] ?? 0, cost]),
  );
  for (const { name, cost } of ways)
    verdict(`low: costs the workload ${name} ${cost.toFixed(1)} %, at most 5 %`, cost <= 5);
  while ((await guest.migration()).status === 'active' && monotonicMs() - startedAtMs < 180_000) await sleep(100);
  const { status, transferredBytes } = await guest.migration();
  verdict(
    `low: ends (${status}) after ${((monotonicMs() - startedAtMs) / 1000).toFixed(1)} s, ${(transferredBytes / 1e6).toFixed(0)} MB`,
    status === 'completed',
  );
  await reservation.stop();
}
