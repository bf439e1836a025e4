/**
 * The demo: a real OpenStack on this machine, Drover in front of its Nova, four guests with different traffic, and the
 * stock `openstack` client that asks for all four to move; then the bot in a Slack of the demo's own moves one back. On a
 * terminal that Slack takes what is typed. Ends with 0 only if all arrived with their memory intact.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { down } from '../lab/down.ts';
import { DROVER_ENDPOINT, Drover, shippedPolicy } from '../lab/drover.ts';
import { boot, deleteGuest, dirtyMemory, type Guest, hostOf, verifyMemory } from '../lab/guests.ts';
import { ensureLab, type Lab, openLab } from '../lab/lab.ts';
import { DEFAULT_OPTIONS } from '../lab/plan.ts';
import { changedPolicy } from '../lab/policy.ts';
import { guestReceives, guestSends, type Running } from '../lab/traffic.ts';
import { Chat } from './chat.ts';
import { showProgress } from './progress.ts';
import { demoTable, type Verdict } from './table.ts';
import { saidOnce, talk } from './talk.ts';

const GUESTS = [
  { name: 'sends', priority: 'high' },
  { name: 'receives', priority: 'high' },
  { name: 'dirties', priority: 'medium' },
  { name: 'idle', priority: 'low' },
] as const;

/** Longer than hostd's measuring window, so that all samples show the traffic. */
const TRAFFIC_SETTLES_MS = 7000;
const MIGRATED_WITHIN_MS = 300_000;
/** Of the link: a low-priority migration gets what workloads leave, and is to end while somebody watches. */
const RECEIVED_SHARE = 0.5;
const DIRTY = { mebibytes: 32, mebibytesPerSecond: 8 };

interface Options {
  name: string;
  link: number;
  keep: boolean;
  prompt: boolean;
}

async function main({ name, link, keep, prompt }: Options): Promise<boolean> {
  const wasUp = await openLab(name).then(
    (lab) => {
      lab.close();
      return true;
    },
    () => false,
  );
  say(wasUp ? `lab ${name} is up` : `bringing up lab ${name}: a real OpenStack with two compute hosts`);
  const lab = await ensureLab(name, wasUp ? {} : { linkMegabitsPerSecond: link });
  const policy = changedPolicy(shippedPolicy('seed.yaml'), {
    priorities: [...GUESTS],
    limits: { lower: '100 Mbit', upper: '300 Mbit' },
  });
  const drover = new Drover(lab, policy);
  const guests: Guest[] = [];
  let restoreCatalogue: (() => Promise<void>) | null = null;
  try {
    say('starting hostd on every host and the plugin before nova-api');
    await drover.start();
    restoreCatalogue = await lab.swapComputeEndpoint(DROVER_ENDPOINT);
    say('booting four guests on compute-1');
    guests.push(...(await Promise.all(GUESTS.map((guest) => boot(lab, { name: guest.name, host: 'compute-1' })))));
    const received = link * RECEIVED_SHARE;
    const good = await migrateAll(lab, drover, guests, received);
    return (await inSlack(lab, drover, guests, { prompt, received })) && good;
  } finally {
    if (keep) {
      say(`kept: npm run lab -- status --name ${name}; npm run drover -- --socket ${drover.socket} queue --all`);
    } else {
      say('taking down what was brought up');
      await restoreCatalogue?.();
      await Promise.allSettled(guests.map((guest) => deleteGuest(lab, guest)));
      await drover.stop();
    }
    lab.close();
    if (!keep && !wasUp) await down(name, false, say);
  }
}

async function migrateAll(lab: Lab, drover: Drover, guests: Guest[], received: number): Promise<boolean> {
  const [sends, receives, dirties] = guests;
  if (!sends || !receives || !dirties) throw new Error('not all guests were booted');
  say('traffic: one sends, one receives, one dirties its memory, one is idle');
  await dirtyMemory(lab, dirties, DIRTY.mebibytes, DIRTY.mebibytesPerSecond);
  const traffic: Running[] = [await guestSends(lab, sends), await guestReceives(lab, receives, received)];
  try {
    await sleep(TRAFFIC_SETTLES_MS);
    say('openstack server migrate --live-migration --host compute-2 NAME, for all four, the least urgent first');
    const asked = [...guests].reverse().map(async (guest) => {
      const argv = ['server', 'migrate', '--live-migration', '--host', 'compute-2', guest.name];
      const { code, stderr } = await lab.openstack(argv);
      if (code !== 0) throw new Error(`openstack ${argv.join(' ')}: ${stderr}`);
    });
    const [migrations] = await Promise.all([showProgress(drover, guests.length, MIGRATED_WITHIN_MS), ...asked]);
    await Promise.all(traffic.splice(0).map((one) => one.stop()));
    say('checking every page of every guest');
    const verdicts = new Map<string, Verdict>();
    for (const guest of guests) verdicts.set(guest.id, await judge(lab, guest));
    console.log(demoTable(migrations, verdicts));
    const good = [...verdicts.values()].every((verdict) => verdict.arrived && verdict.memoryIntact);
    say(good ? 'all four arrived, their memory is intact' : 'NOT all four arrived with their memory intact');
    return good;
  } finally {
    await Promise.allSettled(traffic.map((one) => one.stop()));
  }
}

/** One command in Slack, unattended; then, on a terminal, what somebody types. */
async function inSlack(
  lab: Lab,
  drover: Drover,
  guests: Guest[],
  { prompt, received }: { prompt: boolean; received: number },
): Promise<boolean> {
  const [sends, receives, , idle] = guests;
  if (!sends || !receives || !idle) throw new Error('not all guests were booted');
  say("the bot: a Slack of the demo's own, /migrate typed in #ops");
  const chat = new Chat();
  const traffic: Running[] = [];
  try {
    await chat.start(drover.socket, join(drover.folder, 'bot'));
    const said = await saidOnce(chat, `high ${idle.name} to compute-1`, `Moved ${idle.name} to compute-1`);
    const good = said && (await hostOf(lab, idle)) === 'compute-1';
    say(good ? `the bot moved ${idle.name} to compute-1` : `the bot did NOT move ${idle.name} to compute-1`);
    if (prompt && process.stdin.isTTY && process.stdout.isTTY) {
      traffic.push(await guestSends(lab, sends), await guestReceives(lab, receives, received));
      await talk(chat);
    }
    return good;
  } finally {
    await Promise.allSettled(traffic.map((one) => one.stop()));
    await chat.stop();
  }
}

async function judge(lab: Lab, guest: Guest): Promise<Verdict> {
  const arrived = (await hostOf(lab, guest)) === 'compute-2';
  await dirtyMemory(lab, guest, 0, 0).catch(() => {});
  const checked = await verifyMemory(lab, guest).catch(() => null);
  const memoryIntact =
    checked !== null && checked.pages > 0 && checked.badPages === 0 && checked.sumOfVersions === checked.pagesWritten;
  return { arrived, memoryIntact };
}

function say(text: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)}  ${text}`);
}

const program = new Command('demo')
  .description('Four guests with different traffic, moved by the stock openstack client through Drover')
  .option('--name <name>', 'which lab', DEFAULT_OPTIONS.name)
  .option('--link <megabits>', "rate of every host's NIC, Mbit/s", Number, DEFAULT_OPTIONS.linkMegabitsPerSecond)
  .option('--keep', 'leave lab, guests and Drover running', false)
  .option('--no-prompt', 'take no commands on the terminal, end by itself')
  .parse();

process.exitCode = (await main(program.opts<Options>())) ? 0 : 1;
// The daemons that were started are on their own; nothing of ours waits for them.
process.exit();
