import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './meter.ts';
import { HOSTS, type HostName, PEER_ADDRESS, TENANT_ADDRESS } from './network.ts';
import { endNow } from './programs.ts';
import type { Stage } from './stage.ts';

const STREAMS = 4;
const LONGER_THAN_ANY_BENCH_S = 3600;
let nextPort = 5301;

/** One direction of one host: `out` leaves it. */
export interface Way {
  host: HostName;
  direction: 'out' | 'in';
}

/** All four: both hosts send and receive. */
export const BOTH_WAYS: readonly Way[] = HOSTS.flatMap((host) => [
  { host, direction: 'out' },
  { host, direction: 'in' },
]);

export interface FlowOptions {
  streams?: number;
  /** Of all streams together; default: as fast as TCP can. */
  megabits?: number;
}

/** TCP between a host's tenant and an outside machine of its own, until it is stopped. */
export class Flow {
  readonly #server: ChildProcess;
  readonly #client: ChildProcess;

  private constructor(server: ChildProcess, client: ChildProcess) {
    this.#server = server;
    this.#client = client;
  }

  static async start(stage: Stage, { host, direction }: Way, { streams = STREAMS, megabits }: FlowOptions = {}) {
    const { tenant, peer } = stage.network;
    const [from, to, address] =
      direction === 'out'
        ? [tenant[host], peer[host], PEER_ADDRESS[host]]
        : [peer[host], tenant[host], TENANT_ADDRESS[host]];
    const port = String(nextPort++);
    const server = stage.programs.start(to, ['iperf3', '-s', '-1', '-p', port]);
    server.stdout?.resume();
    await sleep(300);
    const rate = megabits === undefined ? [] : ['-b', `${megabits / streams}M`];
    const client = stage.programs.start(from, [
      ...['iperf3', '-c', address, '-p', port, '-P', String(streams), '-t', String(LONGER_THAN_ANY_BENCH_S)],
      ...['-i', '0', ...rate],
    ]);
    client.stdout?.resume();
    await sleep(200);
    if (client.exitCode !== null) throw new Error(`iperf3 to ${address}:${port} has ended`);
    return new Flow(server, client);
  }

  async stop(): Promise<void> {
    await endNow(this.#client);
    await endNow(this.#server);
  }
}

/** Bytes that have arrived so far on each way, read where they arrive; the acknowledgements of the other way are in it. */
export async function delivered(stage: Stage): Promise<{ atMs: number; bytes: number[] }> {
  const bytes: number[] = [];
  const atMs = monotonicMs();
  for (const { host, direction } of BOTH_WAYS) {
    const receiver = direction === 'out' ? stage.network.peer[host] : stage.network.tenant[host];
    bytes.push(Number(await stage.programs.output(receiver, ['cat', '/sys/class/net/eth0/statistics/rx_bytes'])));
  }
  return { atMs, bytes };
}

/** Mbit/s that arrive on each of BOTH_WAYS during this time. */
export async function deliveredRates(stage: Stage, forMs: number): Promise<number[]> {
  const before = await delivered(stage);
  await sleep(forMs);
  const after = await delivered(stage);
  return after.bytes.map((bytes, way) => ((bytes - (before.bytes[way] ?? 0)) * 8) / 1000 / (after.atMs - before.atMs));
}
