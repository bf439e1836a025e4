/** Three migrations of different priorities at once on one link. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Priority } from '../../../hostd/contract.ts';
import { guestLimits } from '../../../hostd/shape/combine.ts';
import { monotonicMs } from './meter.ts';
import { policyWith, Reservation, vmUuid } from './plugin.ts';
import { printTable, verdict } from './report.ts';
import { LINKS, type Shares, shares } from './shares.ts';
import type { Stage } from './stage.ts';
import { BOTH_WAYS, Flow } from './workload.ts';

const ORDER: readonly Priority[] = ['low', 'medium', 'high'];
const LOWER = 100;
const UPPER = 300;
const MEASURE_MS = 6000;
const UNLIMITED = 80e9;
/**
 * QEMU cannot be held to less: it looks at its limit every 100 ms, and counts what it has flushed, which is 32 pages with
 * their headers at a time (BUFFER_DELAY in migration.c, MAX_IOV_SIZE in qemu-file.c).
 */
const SLOWEST_STREAM = 32 * 4096 * 8 * 10;

/**
 * The leases are real; the per-guest limits are those that hostd would set through libvirt (`guestLimits`, as it takes
 * them from its leases), set here on QEMU itself, for there is no libvirt in these namespaces.
 */
export async function parallel(stage: Stage): Promise<void> {
  const policy = policyWith({ lower: `${LOWER} Mbit`, upper: `${UPPER} Mbit` });
  const guests = ORDER.map((_, number) => stage.guest({ number, memoryMebibytes: 640, fillMebibytes: 450 }));
  for (const guest of guests) {
    await guest.boot();
    await guest.dirty(400, 25);
  }
  const crossed = BOTH_WAYS.filter(({ host, direction }) => (host === 'a') === (direction === 'out'));
  const flows = await Promise.all(crossed.map((way) => Flow.start(stage, way)));
  await sleep(6000);
  const rows: (string | number)[][] = [];
  const standing: Reservation[] = [];
  for (const [number, priority] of ORDER.entries()) {
    const reservation = new Reservation(stage.plugin, policy, priority, number + 1);
    await reservation.start();
    standing.push(reservation);
    await guests[number]?.migrate({ endless: true });
    const limits = requests(standing).map(({ vmUuid }, _, all) => guestLimits(all, vmUuid).maxBandwidthBitsPerSecond);
    for (const [index, limit] of limits.entries()) await guests[index]?.limit(limit ?? UNLIMITED);
    await sleep(4000);
    const sent = () => Promise.all(guests.map(async (guest) => (await guest.migration()).transferredBytes));
    const [from, before] = [monotonicMs(), await sent()];
    const both = await shares(stage, MEASURE_MS);
    const [to, after] = [monotonicMs(), await sent()];
    const rates = after.map((bytes, index) => ((bytes - (before[index] ?? 0)) * 8) / 1000 / (to - from));
    for (const [index, share] of both.entries()) {
      rows.push([
        ORDER.slice(0, standing.length).join(', '),
        LINKS[index]?.name ?? '',
        share.workload,
        share.migration,
        ...ORDER.map((_, each) => (each < standing.length ? (rates[each] ?? 0) : '')),
      ]);
    }
    judge(priority, both, rates, limits);
  }
  printTable(
    'Leases of several migrations on one link, Mbit/s',
    ['leases', 'link', 'workload', 'migration class', ...ORDER.map((priority) => `VM of ${priority}`)],
    rows,
  );
  for (const reservation of standing) await reservation.stop();
  for (const flow of flows) await flow.stop();
  for (const guest of guests) await guest.quit();
}

function judge(
  highest: Priority,
  both: readonly Shares[],
  rates: readonly number[],
  limits: readonly (number | null)[],
): void {
  for (const [index, { workload }] of both.entries()) {
    const text = `leases up to ${highest}, ${LINKS[index]?.name}: workload ${workload.toFixed(1)}`;
    if (highest === 'high') verdict(`${text} is lower ± 10 %`, Math.abs(workload - LOWER) <= 0.1 * LOWER);
    if (highest === 'medium') verdict(`${text} is at most upper + 10 %`, workload <= 1.1 * UPPER);
  }
  for (const [index, limit] of limits.entries()) {
    if (limit === null) continue;
    const rate = rates[index] ?? 0;
    verdict(
      `${ORDER[index]} beside ${highest}: held to its guarantee, ${rate.toFixed(1)} of ${(limit / 1e6).toFixed(1)} Mbit/s ` +
        `(QEMU's least: ${(SLOWEST_STREAM / 1e6).toFixed(1)}) + 10 %`,
      rate <= (1.1 * Math.max(limit, SLOWEST_STREAM)) / 1e6,
    );
  }
}

function requests(standing: readonly Reservation[]) {
  return standing.map(({ held }, index) => ({
    holder: 'bench',
    fence: 1,
    ttlMs: 30_000,
    vmUuid: vmUuid(index + 1),
    priority: ORDER[index] ?? 'low',
    ...(held.sourceTx === null ? {} : { tx: held.sourceTx }),
  }));
}
