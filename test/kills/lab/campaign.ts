import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { LeasesAnswer } from '../../../hostd/contract.ts';
import type { MigrationRecord } from '../../../plugin/contract.ts';
import { InstanceAction, Migration } from '../../../plugin/openstack-client-ts/schema.ts';
import { Drover, shippedPolicy } from '../../lab/drover.ts';
import { boot, deleteGuest, type Guest, verifyMemory } from '../../lab/guests.ts';
import { ensureLab, type Lab } from '../../lab/lab.ts';
import { changedPolicy } from '../../lab/policy.ts';
import { seeded } from '../../random.ts';
import type { LogLine } from '../../service-process.ts';
import { readBook } from '../book.ts';
import { Clients, type Pace } from '../clients.ts';
import { type Judgement, judge } from '../oracle.ts';
import { leftToNova } from '../unmanaged.ts';
import { makeCaller } from './caller.ts';
import { ledgerOf, type NovaRecords } from './ledger.ts';
import { LabTransport } from './transport.ts';

export interface LabCampaignOptions {
  kills: number;
  seed: number;
  labName: string;
  guests: number;
  /** For what is kept if something was wrong. */
  folder: string;
}

export interface LabCampaignResult extends Judgement {
  kills: { whileStarting: number; whileRunning: number };
  asked: number;
  broken: number;
  taken: number;
  /** Of these: how many ended how. */
  ends: Map<string, number>;
  /** Deferred ones that Nova refused. */
  refused: number;
  records: number;
  /** Kills with at least one migration under way at Nova. */
  duringMigrations: number;
}

/** Nova takes seconds for what its double does in tenths. */
const PACE: Pace = { restMs: 20_000, pauseMs: 2000, againMs: 6000, leavesWithinMs: 2000 };
const CLIENTS = 4;
const STARTING_MS = 2500;
const ALIVE_MS = 9000;
const DRAIN_WITHIN_MS = 900_000;
const LEASES_WITHIN_MS = 40_000;

/** Kills the plugin in a lab with a real OpenStack and real guests, again and again, while clients ask; then judges. */
export async function labCampaign(options: LabCampaignOptions): Promise<LabCampaignResult> {
  const lab = await ensureLab(options.labName, { hosts: 2, maxLiveMigrations: 2 });
  const { token, serviceUserId } = await makeCaller(lab);
  // Only one at a time on a link: the others wait.
  const drover = new Drover(
    lab,
    changedPolicy(shippedPolicy('seed.yaml'), { strategy: 'serial', batchWindow: '500 ms' }),
  );
  const guests: Guest[] = [];
  try {
    await drover.start();
    for (let n = 0; n < options.guests; n += 1) guests.push(await bootOne(lab, n));
    const random = seeded(options.seed);
    const clients = new Clients(
      new LabTransport(lab, token),
      guests.map(({ id }) => id),
      random,
      PACE,
    );
    clients.start(CLIENTS);
    const kills = { whileStarting: 0, whileRunning: 0 };
    let duringMigrations = 0;
    for (let n = 1; n <= options.kills; n += 1) {
      if (random.chance(0.25)) {
        if (await killedInStart(drover, random.within(0, STARTING_MS))) kills.whileStarting += 1;
        else kills.whileRunning += 1;
      } else {
        await drover.startPlugin();
        await sleep(random.within(0, 1) ** 2 * ALIVE_MS);
        if (await anyAtNova(lab, guests)) duringMigrations += 1;
        await drover.stopPlugin('SIGKILL');
        kills.whileRunning += 1;
      }
      console.error(`kill ${n} of ${options.kills}: ${clients.asked.length} asked`);
    }
    const wrong = await drained(lab, drover, guests, clients);
    return { ...(await judged(options, lab, drover, guests, clients, serviceUserId, wrong)), kills, duringMigrations };
  } finally {
    await drover.stop();
    await Promise.allSettled(guests.map((guest) => deleteGuest(lab, guest)));
    lab.close();
  }
}

function bootOne(lab: Lab, n: number): Promise<Guest> {
  const priority = ['high', 'medium', 'low'][n % 3] ?? 'low';
  const host = lab.hosts[n % lab.hosts.length]?.name;
  const metadata = { 'drover:priority': priority };
  return boot(lab, { name: `kills-${n}`, flavor: 'm128', fillMebibytes: 16, metadata, ...(host ? { host } : {}) });
}

/** False: it was ready before. */
async function killedInStart(drover: Drover, afterMs: number): Promise<boolean> {
  const ready = drover.startPlugin().then(
    () => true,
    () => false,
  );
  await sleep(afterMs);
  await drover.stopPlugin('SIGKILL');
  return !(await ready);
}

async function drained(lab: Lab, drover: Drover, guests: readonly Guest[], clients: Clients): Promise<string[]> {
  const wrong: string[] = [];
  await drover.startPlugin();
  await clients.stop();
  const untilMs = Date.now() + DRAIN_WITHIN_MS;
  const isOver = ({ state }: MigrationRecord) => ['completed', 'failed', 'aborted'].includes(state);
  while (!(await drover.migrations()).every(isOver) && Date.now() < untilMs) await sleep(500);
  while ((await anyAtNova(lab, guests)) && Date.now() < untilMs) await sleep(500);
  for (const guest of guests) {
    const { badPages } = await verifyMemory(lab, guest);
    if (badPages > 0) wrong.push(`${guest.name} has ${badPages} wrong pages of memory`);
  }
  await sleep(1000);
  await drover.stopPlugin('SIGTERM');
  return wrong;
}

async function judged(
  { folder }: LabCampaignOptions,
  lab: Lab,
  drover: Drover,
  guests: readonly Guest[],
  { asked }: Clients,
  serviceUserId: string,
  wrong: readonly string[],
): Promise<Omit<LabCampaignResult, 'kills' | 'duringMigrations'>> {
  const nova = await novaRecords(lab, guests);
  const ledger = ledgerOf(nova, asked, serviceUserId);
  const leases = await leasesLeft(lab, drover);
  const book = readBook(join(drover.folder, 'drover.db'));
  const log = drover.log('plugin').split('\n').flatMap(parsed);
  const judgement = judge({ asked, ledger, book, leases, leftToNova: leftToNova(log) });
  judgement.wrong.push(...wrong);
  if (judgement.lost.length + judgement.doubled.length + judgement.wrong.length > 0) {
    writeFileSync(join(folder, 'evidence.json'), JSON.stringify({ judgement, asked, ledger, nova, book, log }));
  }
  const ends = Map.groupBy(ledger.taken, ({ end }) => end ?? 'none');
  return {
    ...judgement,
    asked: asked.length,
    broken: asked.filter(({ outcome }) => outcome === 'broken' || outcome === 'left').length,
    taken: ledger.taken.length,
    ends: new Map([...ends].map(([end, taken]) => [end, taken.length])),
    refused: book.migrations.filter(({ deferred, reasonCode }) => deferred && reasonCode === 'nova-refused').length,
    records: book.migrations.length,
  };
}

async function novaRecords(lab: Lab, guests: readonly Guest[]): Promise<NovaRecords[]> {
  const all = guests.map(async ({ id }) => {
    const [actions, migrations] = await Promise.all([
      lab.mustNova('GET', `/servers/${id}/os-instance-actions`),
      lab.mustNova('GET', `/os-migrations?instance_uuid=${id}`),
    ]);
    return {
      vmUuid: id,
      actions: z.array(InstanceAction).parse(actions.json.instanceActions),
      migrations: z.array(Migration).parse(migrations.json.migrations),
    };
  });
  return Promise.all(all);
}

async function anyAtNova(lab: Lab, guests: readonly Guest[]): Promise<boolean> {
  const shown = await Promise.all(guests.map(({ id }) => lab.mustNova('GET', `/servers/${id}`)));
  return shown.some(({ json }) => json.server['OS-EXT-STS:task_state'] !== null);
}

/** Waits for their end: of what was left to Nova, hostd ends them after their time to live. */
async function leasesLeft(lab: Lab, drover: Drover): Promise<string[]> {
  const untilMs = Date.now() + LEASES_WITHIN_MS;
  for (;;) {
    const answers = await Promise.all(lab.hosts.map(({ name }) => drover.hostd(name, 'GET', '/v1/leases')));
    const left = answers.flatMap(({ json }) => LeasesAnswer.parse(json).leases.map(({ leaseId }) => leaseId));
    if (left.length === 0 || Date.now() > untilMs) return left;
    await sleep(500);
  }
}

function parsed(line: string): LogLine[] {
  try {
    return [JSON.parse(line) as LogLine];
  } catch {
    // The last line of one that was killed while it wrote.
    return [];
  }
}
