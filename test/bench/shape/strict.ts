/** What one class does not use the other may have, and with `strict` may not. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Priority } from '../../../hostd/contract.ts';
import { begin, CROSSED, finish, LIMITS, LOWER, MEASURE_MS, SETTLE_MS, SharesTable } from './cases.ts';
import type { Guest } from './guest.ts';
import { LINK_MEGABITS } from './network.ts';
import { type Limits, policyWith, Reservation } from './plugin.ts';
import { verdict } from './report.ts';
import { LINKS, shares } from './shares.ts';
import type { Stage } from './stage.ts';
import { Flow } from './workload.ts';

export async function strict(stage: Stage): Promise<void> {
  const table = new SharesTable();
  const guest = stage.guest({ number: 0, memoryMebibytes: 1024, fillMebibytes: 800 });
  await guest.boot();
  await guest.dirty(700, 60);
  const crossed = await Promise.all(CROSSED.map((way) => Flow.start(stage, way)));
  await sleep(SETTLE_MS);
  await borrowed(stage, guest, crossed, table);
  await guest.quit();
  table.print();
}

async function borrowed(stage: Stage, guest: Guest, crossed: readonly Flow[], table: SharesTable): Promise<void> {
  const idle = new Reservation(stage.plugin, policyWith(LIMITS), 'high');
  await idle.start();
  await sleep(SETTLE_MS);
  const unused = await shares(stage, MEASURE_MS);
  table.note('high, no migration yet', unused);
  await idle.stop();
  const strict: Limits = { ...LIMITS, strict: true };
  const idleStrict = new Reservation(stage.plugin, policyWith(strict), 'high');
  await idleStrict.start();
  await sleep(SETTLE_MS);
  const capped = await shares(stage, MEASURE_MS);
  table.note('strict high, no migration yet', capped);
  await idleStrict.stop();
  for (const [index, { workload }] of capped.entries()) {
    verdict(
      `strict, ${LINKS[index]?.name}: idle migration, workload ${workload.toFixed(1)} stays below lower + 10 %`,
      workload <= 1.1 * LOWER,
    );
  }
  for (const priority of ['high', 'medium', 'low'] as const) await strictBeside(stage, guest, priority, strict, table);
  for (const flow of crossed) await flow.stop();
  await strictAlone(stage, guest, strict, table);
  const running = await begin(stage, guest, 'low');
  const alone = await shares(stage, MEASURE_MS);
  table.note('low, no workload', alone);
  await finish(guest, running);
  for (const [index, { name }] of LINKS.entries()) {
    const used = [unused, alone].map((each) => each[index]?.total ?? 0);
    verdict(
      `${name}: what is not used is borrowed, ${used.map((each) => each.toFixed(1)).join(' and ')} Mbit/s are at least 90 % of the link`,
      used.every((each) => each >= 0.9 * LINK_MEGABITS),
    );
  }
}

async function strictBeside(
  stage: Stage,
  guest: Guest,
  priority: Priority,
  limits: Limits,
  table: SharesTable,
): Promise<void> {
  const running = await begin(stage, guest, priority, { limits });
  const both = await shares(stage, MEASURE_MS);
  table.note(`strict ${priority}`, both);
  const { sourceTx, destinationRx } = running.reservation.held;
  for (const [index, held] of [sourceTx, destinationRx].entries()) {
    const share = both[index];
    if (!held || !share) throw new Error('nothing is reserved');
    for (const name of ['migration', 'workload'] as const) {
      const cap = held[name].ceilBitsPerSecond / 1e6;
      verdict(
        `strict ${priority}, ${LINKS[index]?.name}: ${name} ${share[name].toFixed(1)} of a cap of ${cap.toFixed(1)}`,
        share[name] <= 1.1 * cap,
      );
    }
  }
  await finish(guest, running);
}

async function strictAlone(stage: Stage, guest: Guest, limits: Limits, table: SharesTable): Promise<void> {
  const running = await begin(stage, guest, 'high', { limits });
  const both = await shares(stage, MEASURE_MS);
  table.note('strict high, no workload', both);
  const cap = (running.reservation.held.sourceTx?.migration.ceilBitsPerSecond ?? 0) / 1e6;
  for (const [index, { migration }] of both.entries()) {
    verdict(
      `strict, ${LINKS[index]?.name}: idle workload, migration ${migration.toFixed(1)} of a cap of ${cap.toFixed(1)}`,
      migration <= 1.1 * cap,
    );
  }
  await finish(guest, running);
}
