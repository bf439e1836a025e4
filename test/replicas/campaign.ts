import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSharedBook } from '../kills/book.ts';
import { Clients } from '../kills/clients.ts';
import { type Judgement, judge } from '../kills/oracle.ts';
import { PortTransport } from '../kills/transport.ts';
import { leftToNova } from '../kills/unmanaged.ts';
import { type Random, seeded } from '../random.ts';
import { Stage, type StagedReplica } from './stage.ts';

export interface ReplicaCampaignOptions {
  /** Times that the leader is killed with kill -9, and times that it is cut off from the database. */
  kills: number;
  cuts: number;
  seed: number;
  folder: string;
  clients: number;
}

export interface ReplicaCampaignResult extends Judgement {
  /** From the kill (the cut) until another one has taken over, ms. */
  afterKillsMs: number[];
  afterCutsMs: number[];
  asked: number;
  broken: number;
  taken: number;
  records: number;
  /** Live migrations that Nova took without a record. */
  unmanaged: number;
}

/** What issue and README promise. */
export const TAKE_OVER_WITHIN_MS = 10_000;
const GIVE_UP_MS = 60_000;
const DRAIN_WITHIN_MS = 120_000;

/** Kills the leader and cuts it off, again and again, under a stream of clients of both replicas; then judges. */
export async function replicaCampaign(options: ReplicaCampaignOptions): Promise<ReplicaCampaignResult> {
  const { seed, folder } = options;
  const random = seeded(seed);
  const stage = await Stage.start(folder, seed);
  try {
    const [a, b] = stage.replicas;
    const transport = new PortTransport([a.plugin.port, b.plugin.port], random);
    const clients = new Clients(transport, stage.cloud.addresses.machines, random);
    clients.start(options.clients);
    const [afterKillsMs, afterCutsMs]: [number[], number[]] = [[], []];
    for (const what of shuffled(options, random)) {
      await sleep(random.within(200, 1500));
      const leader = await stage.leader();
      if (what === 'kill') afterKillsMs.push(await killLeader(stage, leader, random));
      else afterCutsMs.push(await cutLeader(stage, leader, random));
    }
    await drain(stage, clients);
    const book = await readSharedBook(stage.database);
    const { ledger, leases } = await stage.cloud.report();
    const left = leftToNova(stage.replicas.flatMap(({ plugin }) => plugin.log));
    const judgement = judge({ asked: clients.asked, ledger, book, leases, leftToNova: left });
    judgement.wrong.push(...twoLeaders(stage));
    if (judgement.lost.length + judgement.doubled.length + judgement.wrong.length > 0) {
      const logs = stage.replicas.map(({ name, plugin }) => ({ name, log: plugin.log }));
      writeFileSync(`${folder}/evidence.json`, JSON.stringify({ judgement, asked: clients.asked, ledger, book, logs }));
    }
    const known = new Set(book.migrations.map(({ novaMigrationId }) => novaMigrationId));
    return {
      ...judgement,
      afterKillsMs,
      afterCutsMs,
      asked: clients.asked.length,
      broken: clients.asked.filter(({ outcome }) => outcome === 'broken' || outcome === 'left').length,
      taken: ledger.taken.length,
      records: book.migrations.length,
      unmanaged: ledger.taken.filter(({ migrationId }) => !known.has(migrationId)).length,
    };
  } finally {
    await stage.stop();
  }
}

/** kill -9, and started again once the other one leads. */
async function killLeader(stage: Stage, leader: StagedReplica, random: Random): Promise<number> {
  const atMs = Date.now();
  leader.plugin.kill();
  const tookMs = await stage.takenOver(stage.other(leader), atMs, GIVE_UP_MS);
  await leader.plugin.ended();
  await sleep(random.within(0, 500));
  leader.plugin.spawn();
  if (!(await leader.plugin.ready())) throw new Error(`${leader.name} does not start any more`);
  return tookMs;
}

/** Its cable to the database is cut, and mended some time after the other one leads. */
async function cutLeader(stage: Stage, leader: StagedReplica, random: Random): Promise<number> {
  const atMs = Date.now();
  leader.cable.cut();
  const tookMs = await stage.takenOver(stage.other(leader), atMs, GIVE_UP_MS);
  await sleep(random.within(0, 3000));
  leader.cable.mend();
  return tookMs;
}

/** Without clients, faults, kills and cuts everything comes to its end. */
async function drain(stage: Stage, clients: Clients): Promise<void> {
  stage.cloud.calm();
  await clients.stop();
  const untilMs = Date.now() + DRAIN_WITHIN_MS;
  while ((await stage.unfinished()) > 0 && Date.now() < untilMs) await sleep(200);
  while ((await stage.cloud.report()).ledger.taken.some(({ end }) => end === null) && Date.now() < untilMs) {
    await sleep(100);
  }
  const leasesUntilMs = Date.now() + 35_000;
  while ((await stage.cloud.report()).leases.length > 0 && Date.now() < leasesUntilMs) await sleep(200);
}

/** A leader says that it leads no more before the next one leads, unless it was killed; numbers only grow. */
function twoLeaders({ turns }: Stage): string[] {
  const wrong: string[] = [];
  const begun = turns.filter(({ what }) => what === 'leads').sort((x, y) => (x.fence ?? 0) - (y.fence ?? 0));
  for (const [i, next] of begun.entries()) {
    const before = begun[i - 1];
    if (!before) continue;
    if (next.atMs < before.atMs) wrong.push(`${next.replica} led with ${next.fence} before ${before.fence}`);
    const ended = turns.find(
      ({ replica, what, atMs }) => what === 'leads no more' && replica === before.replica && atMs >= before.atMs,
    );
    if (ended && ended.atMs > next.atMs && before.replica !== next.replica) {
      const again = begun.find(({ replica, atMs }) => replica === before.replica && atMs > before.atMs);
      if (!again || ended.atMs < again.atMs) {
        wrong.push(`${before.replica} still led ${ended.atMs - next.atMs} ms after ${next.replica} had begun`);
      }
    }
  }
  return wrong;
}

function shuffled({ kills, cuts }: ReplicaCampaignOptions, random: Random): ('kill' | 'cut')[] {
  const all = [...Array<'kill'>(kills).fill('kill'), ...Array<'cut'>(cuts).fill('cut')];
  return all
    .map((what) => ({ what, order: random.within(0, 1) }))
    .sort((x, y) => x.order - y.order)
    .map(({ what }) => what);
}
