/** Time from PUT of a reservation to the rate of its class in the band, while a guest migrates beside a full workload. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LinkReservation } from '../../../hostd/contract.ts';
import { reserve } from '../../../plugin/bandwidth/reserve.ts';
import { median, settledAfterMs } from './band.ts';
import { vmUuid } from './plugin.ts';
import { printTable, verdict } from './report.ts';
import { LINKS, type MigrationLink } from './shares.ts';
import type { Stage } from './stage.ts';
import { Flow } from './workload.ts';

const BETWEEN_MS = 1800;
const MEDIAN_AT_MOST_MS = 200;
/** What the workload is guaranteed, Mbit/s; the migration gets the rest. Null: no lease, the next one is a first. */
const STEPS = [
  100,
  300,
  200,
  350,
  150,
  null,
  250,
  100,
  null,
  300,
  200,
  null,
  100,
  350,
  null,
  150,
  300,
  null,
  200,
  350,
  100,
  250,
  150,
];

export async function latency(stage: Stage): Promise<void> {
  const guest = stage.guest({ number: 0, memoryMebibytes: 1024, fillMebibytes: 800 });
  await guest.boot();
  await guest.dirty(700, 50);
  await guest.migrate({ endless: true });
  for (const side of LINKS) {
    const flow = await Flow.start(stage, { host: side.host, direction: side.direction === 'tx' ? 'out' : 'in' });
    await sleep(2000);
    await measure(stage, side);
    await flow.stop();
  }
  const { status } = await guest.migration();
  if (status !== 'active') throw new Error(`the migration did not last: it is ${status}`);
  await guest.quit();
}

async function measure(stage: Stage, side: MigrationLink): Promise<void> {
  const { plugin } = stage;
  const client = plugin.client(side.host);
  const { shapeableBitsPerSecond } = await client.info();
  const rows: (string | number)[][] = [];
  const settled: { migration: number[]; workload: number[]; first: number[] } = {
    migration: [],
    workload: [],
    first: [],
  };
  let before: number | null = null;
  for (const guaranteed of STEPS) {
    if (guaranteed === null) {
      await client.deleteLease('bench');
      await sleep(BETWEEN_MS);
      before = null;
      continue;
    }
    const reservation = highest(shapeableBitsPerSecond, guaranteed);
    const { sentAtMs, answeredAtMs } = await plugin.ask({
      call: 'put',
      host: side.host,
      leaseId: 'bench',
      lease: {
        holder: 'bench',
        vmUuid: vmUuid(1),
        priority: 'high',
        ttlMs: 60_000,
        [side.direction]: reservation,
      },
    });
    await sleep(BETWEEN_MS);
    const until = sentAtMs + BETWEEN_MS - 100;
    const inBand = (minor: string, rate: number) =>
      settledAfterMs(stage.counter(side.host, `${side.device} ${minor}`), sentAtMs, until, {
        targetBitsPerSecond: rate,
      });
    const migration = inBand('20', reservation.migration.rateBitsPerSecond);
    const workload = inBand('30', reservation.workload.rateBitsPerSecond);
    settled.migration.push(migration ?? Number.POSITIVE_INFINITY);
    settled.workload.push(workload ?? Number.POSITIVE_INFINITY);
    if (before === null) settled.first.push(migration ?? Number.POSITIVE_INFINITY);
    const rate = (bits: number | null) => (bits === null ? 'none' : (bits / 1e6).toFixed(0));
    rows.push([
      rows.length + 1,
      `${rate(before)} to ${rate(reservation.migration.rateBitsPerSecond)}`,
      answeredAtMs - sentAtMs,
      migration ?? 'not in band',
      workload ?? 'not in band',
    ]);
    before = reservation.migration.rateBitsPerSecond;
  }
  await client.deleteLease('bench');
  printTable(
    `PUT to rate in band, ${side.name}: the start of the first 100 ms window, counted from the call of the plugin's ` +
      `client, from which on every 100 ms window of ${BETWEEN_MS - 100} ms has a mean within 10 % of the reservation`,
    ['run', 'migration, Mbit/s', 'PUT answered, ms', 'migration in band, ms', 'workload in band, ms'],
    rows,
  );
  const runs = settled.migration.length;
  verdict(`${side.name}: ${runs} runs, at least 15`, runs >= 15);
  verdict(
    `${side.name}: median of the migration class ${median(settled.migration)} ms (first PUTs ${median(settled.first)} ms), ` +
      `of the workload class ${median(settled.workload)} ms; at most ${MEDIAN_AT_MOST_MS} ms`,
    median(settled.migration) <= MEDIAN_AT_MOST_MS && median(settled.workload) <= MEDIAN_AT_MOST_MS,
  );
}

function highest(capacityBitsPerSecond: number, workloadMegabits: number): LinkReservation {
  return reserve({
    priority: 'high',
    link: { capacityBitsPerSecond, workloadBitsPerSecond: capacityBitsPerSecond },
    limits: { lowerBitsPerSecond: workloadMegabits * 1e6, upperBitsPerSecond: 300e6 },
    floorBitsPerSecond: 24e6,
  });
}
