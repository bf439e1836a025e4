/**
 * What Drover's proxy costs beside HAProxy and nginx: the same backend, one run, alternating.
 *
 *     npm run bench:proxy [-- --connections 1,16,64,256 --seconds 3 --rounds 3 --soak 1000000 --only-soak]
 *
 * Needs two cores and root. Each proxy has one core (it is alone on it while it is measured), the backend (nginx) and the
 * load the other; all connections are kept. First wrk as fast as it goes, answers of 200 bytes and of 1 MiB, with the CPU
 * time that each proxy spends on a request (which a busy machine changes less than its throughput); then, at
 * half of what Drover reached with 64 connections, an open loop of Poisson arrivals: the time that each proxy adds at a
 * load that stays the same. Last, memory over so many requests (`--soak 0`: not). Ends with 1 where a goal is missed:
 * half of nginx's throughput at 64 connections, 1 ms added at the 99th percentile, memory flat.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Contender, Contenders } from './proxy/contenders.ts';
import { cpuMicroseconds, rssMebibytes } from './proxy/cost.ts';
import { buildOpenLoop, closedLoop, type OpenRun, openLoop } from './proxy/load.ts';

const SMALL = '/v2.1/servers';
const BIG = '/big';
const COMPARED_CONNECTIONS = 64;
const GOAL_SHARE_OF_NGINX = 0.5;
const GOAL_ADDED_P99_US = 1000;
/** Growth between a fifth of the requests and the end that still counts as flat. */
const FLAT_SHARE = 0.1;
const FLAT_MEBIBYTES = 16;

interface Options {
  connections: number[];
  seconds: number;
  rounds: number;
  soak: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      connections: { type: 'string', default: '1,16,64,256' },
      seconds: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '3' },
      soak: { type: 'string', default: '1000000' },
      'only-soak': { type: 'boolean', default: false },
    },
  });
  if (availableParallelism() < 2) throw new Error('two cores are needed: one for the proxy, one for the load');
  const options: Options = {
    connections: values.connections.split(',').map(Number),
    seconds: Number(values.seconds),
    rounds: Number(values.rounds),
    soak: Number(values.soak),
  };
  const dir = mkdtempSync(join(tmpdir(), 'drover-bench-proxy-'));
  const contenders = new Contenders(dir);
  const missed: string[] = [];
  try {
    await contenders.start();
    // Code that has not run yet is compiled.
    for (const { port } of contenders.all) await closedLoop(port, SMALL, 16, 2);
    if (!values['only-soak']) missed.push(...(await compare(contenders.all, options, buildOpenLoop(dir))));
    if (options.soak > 0) missed.push(...(await soak(contenders.all, options.soak)));
  } finally {
    await contenders.stop();
    rmSync(dir, { recursive: true });
  }
  for (const goal of missed) console.error(`missed: ${goal}`);
  if (missed.length > 0) process.exitCode = 1;
}

async function compare(all: Contender[], options: Options, program: string): Promise<string[]> {
  const missed: string[] = [];
  let nginx = 0;
  let drover = 0;
  for (const [what, path] of [
    ['200 B', SMALL],
    ['1 MiB', BIG],
  ] as const) {
    console.log(`\n${what}, requests/s: median [each of ${options.rounds} runs of ${options.seconds} s]`);
    console.log(row(['connections', ...all.map(({ name }) => name), 'drover/nginx']));
    for (const connections of options.connections) {
      const runs = new Map<string, number[]>(all.map(({ name }) => [name, []]));
      const costs = new Map<string, number[]>(all.map(({ name }) => [name, []]));
      for (let round = 0; round < options.rounds; round += 1) {
        for (const { name, port, process: proxy } of all) {
          const before = proxy?.pid === undefined ? 0 : cpuMicroseconds(proxy.pid);
          const { requestsPerSecond, requests } = await closedLoop(port, path, connections, options.seconds);
          runs.get(name)?.push(requestsPerSecond);
          if (proxy?.pid !== undefined) costs.get(name)?.push((cpuMicroseconds(proxy.pid) - before) / requests);
        }
      }
      const of = (name: string) => median(runs.get(name) ?? []);
      const cells = all.map(({ name }) => `${figure(of(name))} [${(runs.get(name) ?? []).map(figure).join(' ')}]`);
      console.log(row([String(connections), ...cells, (of('drover') / of('nginx')).toFixed(2)]));
      const cost = (name: string) => median(costs.get(name) ?? []);
      const spent = all.map(({ name }) => (costs.get(name)?.length ? `${figure(cost(name))} µs` : ''));
      console.log(row(['  CPU/request', ...spent, (cost('nginx') / cost('drover')).toFixed(2)]));
      if (path === SMALL && connections === COMPARED_CONNECTIONS) [nginx, drover] = [of('nginx'), of('drover')];
    }
  }
  if (drover === 0) return ['no figure: --connections has no 64'];
  if (drover < GOAL_SHARE_OF_NGINX * nginx) missed.push(`${figure(drover)} of nginx's ${figure(nginx)} requests/s`);
  const added = await addedTime(all, drover / 2, options, program);
  if (added > GOAL_ADDED_P99_US) missed.push(`p99 added ${Math.round(added)} µs`);
  return missed;
}

/** Prints what each proxy adds at this rate; gives Drover's at the 99th percentile, in microseconds. */
async function addedTime(all: Contender[], rate: number, options: Options, program: string): Promise<number> {
  const runs = new Map<string, OpenRun[]>(all.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const { name, port } of all) {
      runs.get(name)?.push(await openLoop(program, port, SMALL, COMPARED_CONNECTIONS, rate, 2 * options.seconds));
    }
  }
  console.log(
    `\n200 B, open loop, ${figure(rate)} requests/s (half of Drover's), µs from when a request is due: median of`,
  );
  console.log(`${options.rounds} runs, what it is above the direct one, [p99 of each run]`);
  console.log(row(['', 'p50', 'p99', 'p99.9', 'p50 added', 'p99 added', 'each p99']));
  const at = (name: string, quantile: 'p50' | 'p99' | 'p999') =>
    median((runs.get(name) ?? []).map((run) => run[quantile]));
  for (const { name } of all) {
    const own = (['p50', 'p99', 'p999'] as const).map((quantile) => figure(at(name, quantile)));
    const added = (['p50', 'p99'] as const).map((quantile) => figure(at(name, quantile) - at('direct', quantile)));
    console.log(row([name, ...own, ...added, (runs.get(name) ?? []).map((run) => figure(run.p99)).join(' ')]));
  }
  return at('drover', 'p99') - at('direct', 'p99');
}

/** Memory of Drover over so many requests. */
async function soak(all: Contender[], requests: number): Promise<string[]> {
  const drover = all.find(({ name }) => name === 'drover');
  const pid = drover?.process?.pid;
  if (drover === undefined || pid === undefined) throw new Error('Drover does not run');
  const samples: { done: number; mebibytes: number }[] = [];
  console.log(`\nmemory of Drover over ${requests} requests`);
  console.log(row(['requests', 'RSS MiB']));
  for (let done = 0, step = 0; done < requests; ) {
    const { requests: more } = await closedLoop(drover.port, SMALL, COMPARED_CONNECTIONS, 2);
    done += more;
    if (done < (step * requests) / 20) continue;
    step = Math.floor((done * 20) / requests) + 1;
    samples.push({ done, mebibytes: rssMebibytes(pid) });
    console.log(row([String(done), figure(samples.at(-1)?.mebibytes ?? 0)]));
  }
  const early = samples.find(({ done }) => done >= requests / 5) ?? samples[0];
  const last = samples.at(-1);
  if (!early || !last) return ['no sample of memory'];
  const limit = Math.max(early.mebibytes * FLAT_SHARE, FLAT_MEBIBYTES);
  return last.mebibytes - early.mebibytes > limit
    ? [`memory grew from ${figure(early.mebibytes)} to ${figure(last.mebibytes)} MiB`]
    : [];
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function figure(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1);
}

function row(cells: string[]): string {
  return cells.map((cell) => cell.padEnd(14)).join('  ');
}

await main();
