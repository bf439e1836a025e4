/** Live changes of the rates: the class that is not changed loses nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClassRates } from '../../../hostd/contract.ts';
import { type HostName, PEER_ADDRESS, TENANT_ADDRESS } from './network.ts';
import { vmUuid } from './plugin.ts';
import { printTable, verdict } from './report.ts';
import { LINKS, type MigrationLink } from './shares.ts';
import type { Stage } from './stage.ts';

const CHANGES = 60;
const EVERY_MS = 250;
const PACED_MEGABITS = 30;
const GUARANTEED_MEGABITS = 100;
const MIGRATION_MEGABITS = [375, 120, 300, 60, 240, 180];

/** A migration that never ends, and paced UDP in the workload class, whose every lost datagram shows. */
export async function untouched(stage: Stage): Promise<void> {
  const guest = stage.guest({ number: 0, memoryMebibytes: 1024, fillMebibytes: 800 });
  await guest.boot();
  await guest.dirty(700, 60);
  await guest.migrate({ endless: true });
  const rows: (string | number)[][] = [];
  for (const link of LINKS) {
    const result = await change(stage, link);
    rows.push([link.name, CHANGES, result.sent, result.lost, result.dropsOfWorkload, result.dropsOfMigration]);
    verdict(
      `${link.name}: ${CHANGES} changes of the migration class; of ${result.sent} datagrams of the workload ` +
        `${result.lost} lost, ${result.dropsOfWorkload} dropped in its class`,
      result.lost === 0 && result.dropsOfWorkload === 0 && result.sent > 10_000,
    );
  }
  if ((await guest.migration()).status !== 'active') throw new Error('the migration did not last');
  await guest.quit();
  printTable(
    `${CHANGES} changes of the migration's rate, ${EVERY_MS} ms apart, beside ${PACED_MEGABITS} Mbit/s of UDP in the workload class`,
    ['link', 'changes', 'datagrams', 'lost', 'dropped in the workload class', 'dropped in the migration class'],
    rows,
  );
}

async function change(stage: Stage, { host, device, direction }: MigrationLink) {
  const put = async (megabits: number) => {
    const rates = (rate: number, prio: number): ClassRates => ({
      rateBitsPerSecond: rate * 1e6,
      ceilBitsPerSecond: rate * 1e6,
      prio,
    });
    const reservation = { migration: rates(megabits, 1), workload: rates(GUARANTEED_MEGABITS, 2) };
    const common = { holder: 'bench', vmUuid: vmUuid(1), priority: 'high', ttlMs: 60_000 } as const;
    const lease = { ...common, [direction]: reservation };
    await stage.plugin.ask({ call: 'put', host, leaseId: 'bench', lease });
  };
  await put(200);
  await sleep(1000);
  const drops = () => [stage.drops(host, `${device} 30`), stage.drops(host, `${device} 20`)];
  const before = drops();
  const udp = pacedUdp(stage, host, direction, (CHANGES * EVERY_MS) / 1000 + 6);
  await sleep(2000);
  for (let index = 0; index < CHANGES; index++) {
    await put(MIGRATION_MEGABITS[index % MIGRATION_MEGABITS.length] ?? 200);
    await sleep(EVERY_MS);
  }
  const { sent, lost } = await udp;
  const [dropsOfWorkload = Number.NaN, dropsOfMigration = Number.NaN] = drops().map(
    (count, index) => count - (before[index] ?? 0),
  );
  await stage.plugin.client(host).deleteLease('bench');
  return { sent, lost, dropsOfWorkload, dropsOfMigration };
}

/** iperf3 numbers its datagrams: what is missing at the receiver was lost. */
async function pacedUdp(stage: Stage, host: HostName, direction: 'tx' | 'rx', seconds: number) {
  const { tenant, peer } = stage.network;
  const [from, to, address] =
    direction === 'tx'
      ? [tenant[host], peer[host], PEER_ADDRESS[host]]
      : [peer[host], tenant[host], TENANT_ADDRESS[host]];
  const before = await lostInSockets(stage, to);
  stage.programs.start(to, ['iperf3', '-s', '-1', '-p', '5290']).stdout?.resume();
  await sleep(300);
  const rate = ['-u', '-b', `${PACED_MEGABITS}M`, '-l', '1200', '-t', String(seconds)];
  const text = await stage.programs.output(from, ['iperf3', '-c', address, '-p', '5290', ...rate, '-J']);
  const { packets, lost_packets } = JSON.parse(text).end.sum as { packets: number; lost_packets: number };
  // Those that reached a receiver whose socket was full were not lost on the way.
  return { sent: packets, lost: lost_packets - ((await lostInSockets(stage, to)) - before) };
}

async function lostInSockets(stage: Stage, namespace: string): Promise<number> {
  const text = await stage.programs.output(namespace, ['grep', '^Udp:', '/proc/net/snmp']);
  const [names = '', figures = ''] = text.split('\n');
  return Number(figures.split(' ')[names.split(' ').indexOf('RcvbufErrors')]);
}
