import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Moment } from '../cloud/ledger.ts';
import { CloudProcess } from '../cloud/process.ts';
import { PluginProcess } from '../plugin/process.ts';
import { type Random, seeded } from '../random.ts';
import type { LogLine } from '../service-process.ts';
import { readBook } from './book.ts';
import { Clients } from './clients.ts';
import { type Judgement, judge } from './oracle.ts';
import { PortTransport } from './transport.ts';
import { leftToNova } from './unmanaged.ts';

export interface CampaignOptions {
  kills: number;
  seed: number;
  folder: string;
  clients: number;
  /**
   * Each so many kills it may live for `calmMs`, as what waits for Nova's word needs 15 s of it, and until a request was
   * accepted: on a busy machine the other lives may be too short for any.
   */
  calmEvery: number;
  calmMs: number;
  /** Who chooses destinations; default: Nova. */
  destination?: 'keep' | 'least-contended' | undefined;
  /** Called after each kill. */
  killed?: () => void;
}

export interface CampaignResult extends Judgement {
  /** Kills by what they were aimed at. */
  kills: Map<string, number>;
  /** From the start of the process until it took requests, ms. */
  startsMs: number[];
  asked: number;
  broken: number;
  taken: number;
  faults: number;
  records: number;
  drainMs: number;
}

const ALIVE_MS = 1200;
const ACCEPTS_WITHIN_MS = 60_000;
const DRAIN_WITHIN_MS = 120_000;
const LEASES_WITHIN_MS = 3000;
const MOMENTS: readonly [Moment, ...Moment[]] = [
  'token-asked',
  'server-shown',
  'services-shown',
  'migrate-asked',
  'migrate-asked',
  'migrate-taken',
  'migrate-taken',
  'migrate-answered',
  'force-asked',
  'force-taken',
  'migrations-shown',
  'actions-shown',
  'recorded',
  'running',
  'ended',
  'lease-asked',
  'lease-put',
  'lease-delete-asked',
  'lease-deleted',
];
const LINES: readonly [string, ...string[]] = [
  'found unfinished',
  'left to Nova',
  'migration ended',
  'asked Nova for force_complete',
  'hostd answers',
  'policy in effect',
  'drover stands before Nova',
];

/** Kills the plugin under a stream of clients, again and again, lets it come to an end, and judges. */
export async function campaign(options: CampaignOptions): Promise<CampaignResult> {
  const { seed, folder } = options;
  const random = seeded(seed);
  const hosts = ['compute-1', 'compute-2', 'compute-3'];
  const cloud = await CloudProcess.start({ seed, hosts, machines: 30, faults: 0.01, folder });
  const plugin = new PluginProcess(folder, cloud.addresses);
  try {
    await plugin.prepare('60 ms', undefined, options.destination);
    const clients = new Clients(new PortTransport([plugin.port], random), cloud.addresses.machines, random);
    const kills = new Map<string, number>();
    const startsMs: number[] = [];
    clients.start(options.clients);
    for (let n = 1; n <= options.kills; n += 1) {
      const calmMs = n % options.calmEvery === 0 ? options.calmMs : null;
      const aimed = await killOnce({ cloud, plugin, clients, random, startsMs, calmMs });
      kills.set(aimed, (kills.get(aimed) ?? 0) + 1);
      options.killed?.();
    }
    const drain = await drained(cloud, plugin, clients, startsMs);
    const book = readBook(plugin.database);
    const { ledger, leases } = await cloud.report();
    const judgement = judge({ asked: clients.asked, ledger, book, leases, leftToNova: leftToNova(plugin.log) });
    judgement.wrong.push(...drain.wrong);
    if (judgement.lost.length + judgement.doubled.length + judgement.wrong.length > 0) {
      const evidence = { judgement, asked: clients.asked, ledger, book, log: plugin.log };
      writeFileSync(`${folder}/evidence.json`, JSON.stringify(evidence));
    }
    return {
      ...judgement,
      kills,
      startsMs,
      asked: clients.asked.length,
      broken: clients.asked.filter(({ outcome }) => outcome === 'broken' || outcome === 'left').length,
      taken: ledger.taken.length,
      faults: ledger.faults,
      records: book.migrations.length,
      drainMs: drain.ms,
    };
  } finally {
    plugin.kill();
    await plugin.ended();
    await cloud.stop();
  }
}

interface KillParts {
  cloud: CloudProcess;
  plugin: PluginProcess;
  clients: Clients;
  random: Random;
  startsMs: number[];
  /** At least so long after it is ready, and until it accepted a request; null: it may be killed at any time. */
  calmMs: number | null;
}

/** One life of the plugin; gives what its end was aimed at. */
async function killOnce({ cloud, plugin, clients, random, startsMs, calmMs }: KillParts): Promise<string> {
  const startedAtMs = performance.now();
  const accepted = clients.accepted;
  const aim =
    calmMs !== null ? 'time' : random.pick(['start', 'time', 'time', 'moment', 'moment', 'moment', 'line'] as const);
  plugin.spawn();
  const ready = plugin.ready();
  if (aim === 'start') {
    await Promise.race([sleep(random.within(0, 1.1 * (startsMs.at(-1) ?? 1000))), ready]);
    return end(plugin, aim);
  }
  let hit = false;
  const target = aim === 'moment' ? random.pick(MOMENTS) : aim === 'line' ? random.pick(LINES) : '';
  if (aim === 'moment') cloud.killAt(target as Moment, random.whole(1, 3), plugin.pid);
  if (aim === 'line') {
    let left = target === 'migration ended' || target === 'found unfinished' ? random.whole(1, 3) : 1;
    plugin.listeners.add((line: LogLine) => {
      if (line.msg !== target) return;
      left -= 1;
      if (left === 0) plugin.kill();
    });
  }
  if (await ready) {
    startsMs.push(performance.now() - startedAtMs);
    const gone = plugin.ended().then(() => {
      hit = true;
    });
    // Squared: as many short lives as long ones are wanted.
    const livesFor = aim === 'time' ? Math.max(calmMs ?? 0, random.within(0, 1) ** 2 * ALIVE_MS) : ALIVE_MS;
    await Promise.race([sleep(livesFor), gone]);
    if (calmMs !== null) await clients.accept(accepted + 1, ACCEPTS_WITHIN_MS);
  } else hit = true;
  plugin.listeners.clear();
  const aimed = hit && target !== '' ? `${aim}: ${target}` : 'time';
  const ended = await end(plugin, aimed);
  cloud.disarm();
  return ended;
}

async function end(plugin: PluginProcess, aimed: string): Promise<string> {
  plugin.kill();
  const { code, signal } = await plugin.ended();
  if (signal === 'SIGKILL') return aimed;
  const last = plugin.log.slice(-3).map((line) => JSON.stringify(line));
  throw new Error(`the plugin ended by itself with ${code ?? signal}; its last words:\n${last.join('\n')}`);
}

/** Without clients, faults and kills: everything comes to its end. */
async function drained(
  cloud: CloudProcess,
  plugin: PluginProcess,
  clients: Clients,
  startsMs: number[],
): Promise<{ ms: number; wrong: string[] }> {
  const wrong: string[] = [];
  cloud.calm();
  const startedAtMs = performance.now();
  plugin.spawn();
  if (!(await plugin.ready())) throw new Error('the plugin does not start any more');
  startsMs.push(performance.now() - startedAtMs);
  await clients.stop();
  const deadlineMs = performance.now() + DRAIN_WITHIN_MS;
  while ((await plugin.unfinished()).length > 0 && performance.now() < deadlineMs) await sleep(200);
  const ms = performance.now() - startedAtMs;
  const leasesUntilMs = performance.now() + LEASES_WITHIN_MS;
  while ((await cloud.report()).leases.length > 0 && performance.now() < leasesUntilMs) await sleep(100);
  // Nova may still be at work on what was left to it.
  while ((await cloud.report()).ledger.taken.some((taken) => taken.end === null)) await sleep(100);
  plugin.kill('SIGTERM');
  const { code } = await plugin.ended();
  if (code !== 0) wrong.push(`the plugin ended with ${code} when it was asked to`);
  return { ms, wrong };
}
