import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Moment } from '../cloud/ledger.ts';
import { readSharedBook } from '../kills/book.ts';
import { Clients } from '../kills/clients.ts';
import { type Judgement, judge } from '../kills/oracle.ts';
import { PortTransport } from '../kills/transport.ts';
import { leftToNova } from '../kills/unmanaged.ts';
import { type Random, seeded } from '../random.ts';
import { Stage, type StagedReplica } from './stage.ts';

export interface ReplicaCampaignOptions {
  /** Times that the leader is killed with kill -9, cut off from the database, and stopped to go on later. */
  kills: number;
  cuts: number;
  stops: number;
  seed: number;
  folder: string;
  clients: number;
}

export interface ReplicaCampaignResult extends Judgement {
  /** From then until another one has taken over, ms. */
  afterMs: Record<Blow, number[]>;
  asked: number;
  broken: number;
  taken: number;
  records: number;
  /** Live migrations that Nova took without a record. */
  unmanaged: number;
}

export type Blow = 'kill' | 'cut' | 'stop';

/** What issue and README promise. */
export const TAKE_OVER_WITHIN_MS = 10_000;
const GIVE_UP_MS = 60_000;
const DRAIN_WITHIN_MS = 120_000;
/** By then the next leader has concluded what became of requests that were under way (execute/search.ts). */
const LONG_STOP_MS = 17_000;
/** Between each of these and what follows from it the leader may be stopped. */
const MOMENTS: readonly [Moment, ...Moment[]] = [
  ...(['server-shown', 'migrations-shown', 'migrate-asked'] as const),
  ...(['migrate-taken', 'migrate-answered', 'lease-put'] as const),
];

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
    const afterMs: Record<Blow, number[]> = { kill: [], cut: [], stop: [] };
    const strike = { kill: killLeader, cut: cutLeader, stop: stopLeader };
    for (const what of shuffled(options, random)) {
      await sleep(random.within(200, 1500));
      const leader = await stage.leader();
      afterMs[what].push(await strike[what](stage, leader, random));
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
      afterMs,
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

/**
 * SIGSTOP in the middle of what it does, and SIGCONT some time after the other one leads: the process has slept through its
 * deposition, and goes on with whatever it was about to do. Nobody waits longer for a lost request than the longest stop.
 */
async function stopLeader(stage: Stage, leader: StagedReplica, random: Random): Promise<number> {
  // At that moment, or a second later where it does not come: the take-over is counted from before.
  const fromMs = Date.now();
  stage.cloud.stopAt(random.pick(MOMENTS), random.whole(1, 3), leader.plugin.pid);
  await sleep(1000);
  stage.cloud.disarm();
  leader.plugin.kill('SIGSTOP');
  stage.turns.push({ replica: leader.name, what: 'was stopped', atMs: Date.now(), fence: null });
  const tookMs = await stage.takenOver(stage.other(leader), fromMs, GIVE_UP_MS);
  await sleep(random.chance(0.25) ? LONG_STOP_MS : random.within(0, 4000));
  leader.plugin.kill('SIGCONT');
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

/** A leader says that it leads no more before the next one leads, unless it was killed or slept; numbers only grow. */
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
    const slept = turns.some(
      ({ replica, what, atMs }) =>
        what === 'was stopped' && replica === before.replica && atMs >= before.atMs && atMs <= next.atMs,
    );
    if (ended && !slept && ended.atMs > next.atMs && before.replica !== next.replica) {
      const again = begun.find(({ replica, atMs }) => replica === before.replica && atMs > before.atMs);
      if (!again || ended.atMs < again.atMs) {
        wrong.push(`${before.replica} still led ${ended.atMs - next.atMs} ms after ${next.replica} had begun`);
      }
    }
  }
  return wrong;
}

function shuffled({ kills, cuts, stops }: ReplicaCampaignOptions, random: Random): Blow[] {
  const times = (count: number, what: Blow) => Array<Blow>(count).fill(what);
  const all = [...times(kills, 'kill'), ...times(cuts, 'cut'), ...times(stops, 'stop')];
  return all
    .map((what) => ({ what, order: random.within(0, 1) }))
    .sort((x, y) => x.order - y.order)
    .map(({ what }) => what);
}
