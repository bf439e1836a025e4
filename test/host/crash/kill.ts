/** kill -9 of the real daemon at random moments while clients use it, and what is to hold after each restart. */
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../random.ts';
import { LINK_MEGABITS, lease, type Rig } from '../rig.ts';
import { Book, type DiskLease } from './book.ts';
import { type CallKind, Clients } from './clients.ts';
import { type KernelState, kernelFaults, readKernel, type Standard, wholeText } from './kernel.ts';
import type { FoundRoot } from './roots.ts';

export type Phase = CallKind | 'start-up' | 'end of a lease' | 'nothing';

export interface Kill {
  root: string;
  /** What was under way; several things may be. */
  phases: readonly Phase[];
  /** The program that the daemon was running, if it was one that changes the kernel. */
  program: 'tc' | 'ip' | null;
  /** The kernel was not what the leases on disk add up to just after the kill. */
  leftHalfDone: boolean;
}

export interface Campaign {
  kills: Kill[];
  calls: number;
  /** From the start of the process to its word that it is ready, after each kill. */
  recoveriesMs: number[];
}

const LINK = { totalBitsPerSecond: LINK_MEGABITS * 1e6 * 0.96, controlBitsPerSecond: 5e6 };
/** So many of the kills come before the daemon has said that it is ready. */
const DURING_START = 0.25;
/** Kills that wait for no special moment come within this time. */
const ANY_MOMENT_MS = 600;
/** And those that wait for one come after this time at the latest. */
const LONGEST_WAIT_MS = 1500;
/** A lease that ends is taken off the NIC in this time, and on a busy machine in the longer one. */
const ENDING_MS = 80;
const ENDING_SLOWLY_MS = 300;

/** `kills` times under one kind of root qdisc. @throws Error that says what is not as it must be, and after which kill. */
export async function killUnder(rig: Rig, root: FoundRoot, kills: number, random: Random): Promise<Campaign> {
  for (const line of root.make) await rig.tc(...line.split(' '));
  const found = await readKernel(rig);
  const standard = { found, filters: await undisturbedFilters(rig, found, root.refused ?? null), link: LINK };
  const book = new Book();
  const clients = new Clients(rig, book, random, root.refused ?? null);
  const campaign: Campaign = { kills: [], calls: 0, recoveriesMs: [] };
  let startMs = await timedStart(rig);
  while (campaign.kills.length < kills) {
    await expectRight(rig, book, clients, standard, campaign);
    campaign.kills.push(await killWhileServing(rig, book, clients, standard, random, root));
    while (campaign.kills.length < kills && random.chance(DURING_START)) {
      await rig.launchDaemon();
      await sleep(random.within(0, startMs * 1.1));
      campaign.kills.push({ ...(await kill(rig, standard)), root: root.name, phases: ['start-up'] });
    }
    startMs = await timedStart(rig);
    campaign.recoveriesMs.push(startMs);
  }
  await expectRight(rig, book, clients, standard, campaign);
  await releaseAll(rig, book, found);
  await rig.killDaemon('SIGTERM');
  for (const place of ['root', 'clsact']) await rig.tc('qdisc', 'del', 'dev', 'nic0', place).catch(() => undefined);
  return { ...campaign, calls: clients.calls };
}

async function timedStart(rig: Rig): Promise<number> {
  const startedAtMs = performance.now();
  await rig.launchDaemon();
  await rig.daemonReady();
  return performance.now() - startedAtMs;
}

async function killWhileServing(
  rig: Rig,
  book: Book,
  clients: Clients,
  standard: Standard,
  random: Random,
  root: FoundRoot,
): Promise<Kill> {
  clients.start();
  const aim = random.pick<CallKind | 'any' | 'end of a lease'>([
    'any',
    'new lease',
    'change',
    'change',
    'release',
    'release',
    'renewal',
    'end of a lease',
  ]);
  if (aim === 'any') await sleep(random.within(0, ANY_MOMENT_MS));
  else if (aim === 'end of a lease') {
    const nowMs = performance.now();
    const endsInMs = book.nextEndAtMs(nowMs) - nowMs;
    await sleep((Number.isFinite(endsInMs) ? Math.min(endsInMs, LONGEST_WAIT_MS) : 0) + random.within(0, ENDING_MS));
  } else {
    await clients.sent(aim, LONGEST_WAIT_MS);
    await sleep(random.within(0, clients.spanMs(aim) * 1.2));
  }
  const nowMs = performance.now();
  const phases: Phase[] = clients.inFlight();
  if (book.endedSince(nowMs - ENDING_MS, nowMs)) phases.push('end of a lease');
  const done = await kill(rig, standard);
  await clients.pause();
  return { ...done, root: root.name, phases: phases.length === 0 ? ['nothing'] : [...new Set(phases)] };
}

async function kill(rig: Rig, standard: Standard): Promise<Pick<Kill, 'program' | 'leftHalfDone'>> {
  const program = runningProgram(rig.daemon?.pid);
  await rig.killDaemon('SIGKILL');
  const [kernel, { leases }] = await Promise.all([readKernel(rig), readDisk(rig)]);
  return { program, leftHalfDone: kernelFaults(kernel, leases, standard).length > 0 };
}

function runningProgram(pid: number | undefined): Kill['program'] {
  const names = readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const [, name, parent] = /^\d+ \((.*)\) \S+ (\d+)/s.exec(readFileSync(`/proc/${entry}/stat`, 'utf8')) ?? [];
      return Number(parent) === pid ? [name] : [];
    } catch {
      return []; // it ended while we looked
    }
  });
  return names.includes('tc') ? 'tc' : names.includes('ip') ? 'ip' : null;
}

async function expectRight(
  rig: Rig,
  book: Book,
  clients: Clients,
  standard: Standard,
  { kills }: Campaign,
): Promise<void> {
  const { disk, faults: unequal } = await compare(rig, standard);
  const faults = [...clients.faults, ...book.contradictions(disk.leases, disk.fence, performance.now()), ...unequal];
  if (faults.length === 0) return;
  const last = JSON.stringify(kills.at(-1) ?? 'no kill');
  throw new Error(
    `after kill ${kills.length} (${last}):\n${faults.join('\n')}\nleases: ${JSON.stringify(disk)}\n${rig.log}`,
  );
}

/**
 * What is in the kernel and not in the leases on disk, or the other way round. A lease that ends just now is off the disk
 * before it is off the NIC: only then is there a second look.
 */
async function compare(rig: Rig, standard: Standard): Promise<{ disk: Disk; faults: string[] }> {
  const file = join(rig.dir, 'state/leases.json');
  for (;;) {
    const sinceMs = Date.now();
    const disk = await readDisk(rig);
    const faults = kernelFaults(await readKernel(rig), disk.leases, standard);
    const { mtimeMs } = await stat(file);
    if (faults.length === 0 || mtimeMs < sinceMs - ENDING_SLOWLY_MS) return { disk, faults };
    await sleep(ENDING_MS);
  }
}

interface Disk {
  leases: DiskLease[];
  fence: number;
}

async function readDisk(rig: Rig): Promise<Disk> {
  const read = async (name: string) =>
    JSON.parse(await readFile(join(rig.dir, 'state', name), 'utf8').catch(() => '{}')) as Partial<Disk>;
  const [{ leases = [] }, { fence = 0 }] = await Promise.all([read('leases.json'), read('fence.json')]);
  return { leases, fence };
}

async function releaseAll(rig: Rig, book: Book, found: KernelState): Promise<void> {
  for (const { leaseId } of (await readDisk(rig)).leases) {
    const fence = ++book.fence.sent;
    const { status, text } = await rig.call('DELETE', `/v1/leases/${leaseId}?fence=${fence}`);
    if (status !== 204 && status !== 404) throw new Error(`lease ${leaseId} cannot be released: ${status} ${text}`);
  }
  const left = wholeText(await readKernel(rig));
  if (left !== wholeText(found)) throw new Error(`not as it was found:\n${left}\nfound:\n${wholeText(found)}`);
}

/** One lease is taken and released in peace. */
async function undisturbedFilters(
  rig: Rig,
  found: KernelState,
  refused: 'tx' | 'rx' | null,
): Promise<Standard['filters']> {
  await rig.startDaemon();
  const { tx, rx, ...rest } = lease(100, 50);
  const body = { ...rest, ...(refused === 'tx' ? {} : { tx }), ...(refused === 'rx' ? {} : { rx }) };
  const { status, text } = await rig.call('PUT', '/v1/leases/first', body);
  if (status !== 200) throw new Error(`the first lease: ${status} ${text}`);
  const { filters, ifbFilters } = await readKernel(rig);
  await rig.call('DELETE', '/v1/leases/first?fence=1');
  const back = wholeText(await readKernel(rig));
  if (back !== wholeText(found)) throw new Error(`not as it was found, without a kill:\n${back}\n${wholeText(found)}`);
  await rig.killDaemon('SIGTERM');
  return { tx: refused === 'tx' ? null : filters, rx: refused === 'rx' ? null : ifbFilters };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
