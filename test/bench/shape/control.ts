/** Control traffic is never starved: latency to the host's own ports while all classes are full, both ways. */
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from './band.ts';
import { HOST_ADDRESS, HOSTS } from './network.ts';
import { policyWith, Reservation } from './plugin.ts';
import { printTable, verdict } from './report.ts';
import type { Stage } from './stage.ts';
import { BOTH_WAYS, Flow } from './workload.ts';

const ROUNDS = 300;
const P99_AT_MOST_MS = 60;
/** A control port of hostd's that nobody serves here: ssh. */
const SSH_PORT = 22;

export async function control(stage: Stage): Promise<void> {
  const guest = stage.guest({ number: 0, memoryMebibytes: 1024, fillMebibytes: 800 });
  await guest.boot();
  await guest.dirty(700, 60);
  for (const host of HOSTS) {
    stage.programs.start(stage.network.host[host], ['socat', `TCP-LISTEN:${SSH_PORT},fork,reuseaddr`, 'EXEC:cat']);
  }
  await sleep(500);
  const idle = await latencies(stage);
  const flows = await Promise.all(BOTH_WAYS.map((way) => Flow.start(stage, way)));
  await sleep(2000);
  const unshaped = await latencies(stage);
  const reservation = new Reservation(stage.plugin, policyWith({ lower: '100 Mbit', upper: '300 Mbit' }), 'high');
  await reservation.start();
  await guest.migrate({ endless: true });
  await sleep(3000);
  const shaped = await latencies(stage);
  await reservation.stop();
  await guest.quit();
  for (const flow of flows) await flow.stop();
  const rows = [...shaped.keys()].flatMap((name) =>
    [
      { load: 'idle', values: idle },
      { load: 'full both ways, no lease', values: unshaped },
      { load: 'full both ways, lease and migration', values: shaped },
    ].map(({ load, values }) => {
      const all = values.get(name) ?? [];
      return [name, load, all.length, percentile(all, 0.5), percentile(all, 0.99), Math.max(...all)];
    }),
  );
  printTable('Control traffic, ms', ['what', 'load', 'answers', 'median', 'p99', 'longest'], rows);
  for (const [name, values] of shaped) {
    const p99 = percentile(values, 0.99);
    verdict(
      `${name}: ${values.length} of ${ROUNDS} answered, p99 ${p99.toFixed(1)} ms, at most ${P99_AT_MOST_MS} ms`,
      values.length === ROUNDS && p99 <= P99_AT_MOST_MS,
    );
  }
}

async function latencies(stage: Stage): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>();
  for (const host of HOSTS) {
    found.set(`ping ${host}`, await pings(stage, HOST_ADDRESS[host]));
    found.set(`echo on ssh's port, ${host}`, await echoes(stage, HOST_ADDRESS[host]));
  }
  return found;
}

async function pings(stage: Stage, address: string): Promise<number[]> {
  const text = await stage.programs.output(stage.network.control, [
    ...['ping', '-n', '-c', String(ROUNDS), '-i', '0.02', '-W', '2', address],
  ]);
  return [...text.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms));
}

async function echoes(stage: Stage, address: string): Promise<number[]> {
  const script = new URL('./echo.ts', import.meta.url).pathname;
  const argv = [process.execPath, script, address, String(SSH_PORT), String(ROUNDS)];
  return JSON.parse(await stage.programs.output(stage.network.control, argv)) as number[];
}
