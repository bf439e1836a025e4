import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasEnded } from '../../bot/asks/ask.ts';
import { Journal } from '../../bot/journal/journal.ts';
import { askMessage } from '../../bot/views/ask.ts';
import { type Random, seeded } from '../random.ts';
import type { LogLine, ServiceProcess } from '../service-process.ts';
import { botProcess } from './process.ts';
import { BotRig } from './rig.ts';
import { Senders, type Typed } from './senders.ts';

export interface BotCampaign {
  kills: number;
  requests: number;
  copies: number;
  machines: number;
  channels: number;
  seed: number;
  folder: string;
  gapMs: number;
  delayMs: number;
  /** Slack calls the bot, with signatures; else Socket Mode. */
  http?: boolean;
}

export interface BotVerdict {
  /** What was accepted and not moved, moved twice, or is shown wrong. */
  lost: string[];
  doubled: string[];
  wrong: string[];
  kills: Map<string, number>;
  deliveries: number;
  acknowledged: number;
  requests: number;
  migrations: number;
  messages: number;
  updates: number;
  tooFast: number;
  drainMs: number;
}

const DRAIN_WITHIN_MS = 600_000;
const ALIVE_MS = 4000;
const CALLS = ['chat.postMessage', 'chat.postMessage', 'chat.update', 'conversations.history'] as const;

/** Kills the bot again and again while Slack brings everything several times, lets it come to an end, and judges. */
export async function botCampaign(options: BotCampaign): Promise<BotVerdict> {
  const random = seeded(options.seed);
  const rig = await BotRig.start(options.folder, { machines: options.machines, seed: options.seed });
  const rights = [{ everyone: true, priorities: ['low', 'medium', 'high'] }];
  const config = rig.configure({ rights }, options.http ? await rig.httpPort() : null);
  const bot = botProcess(
    config,
    options.folder,
    rig.environment,
    options.http ? 'the bot listens' : 'connected to Slack',
  );
  try {
    const senders = new Senders(rig, random, options);
    bot.spawn();
    await bot.ready();
    const sending = senders.run(options.gapMs);
    const kills = new Map<string, number>();
    for (let n = 0; n < options.kills; n += 1) {
      const aim = await killOnce(rig, bot, random);
      kills.set(aim, (kills.get(aim) ?? 0) + 1);
    }
    const startedAtMs = performance.now();
    if (!bot.running) bot.spawn();
    await bot.ready();
    await sending;
    await drained(options.folder);
    const drainMs = performance.now() - startedAtMs;
    bot.kill('SIGTERM');
    const { code } = await bot.ended();
    const verdict = await judge(rig, options.folder, senders.typed);
    if (code !== 0) verdict.wrong.push(`the bot ended with ${code} when it was asked to`);
    const calls = rig.slack.calls;
    return {
      ...verdict,
      kills,
      drainMs,
      deliveries: senders.deliveries,
      acknowledged: senders.typed.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
      requests: senders.typed.length,
      updates: calls.filter(({ method, status }) => method === 'chat.update' && status === 200).length,
      tooFast: calls.filter(({ status }) => status === 429).length,
    };
  } finally {
    bot.kill();
    await bot.ended();
    await rig.stop();
  }
}

/** One life of the bot from here on; gives what its end was aimed at. */
async function killOnce(rig: BotRig, bot: ServiceProcess, random: Random): Promise<string> {
  const aim = random.pick(['start', 'time', 'asked', 'answered', 'audit'] as const);
  let hit: string | null = null;
  const kill = (what: string) => {
    if (!bot.running) return;
    bot.kill();
    hit = what;
  };
  const wanted = random.pick(CALLS);
  // An interrupted posting is looked for only after one.
  if (aim === 'asked') rig.slack.onAsked = (method) => method === wanted && kill(`${method}, before it is done`);
  if (aim === 'answered') rig.slack.onDone = (method) => method === wanted && kill(`${method}, before its answer`);
  const listener = ({ msg }: LogLine) => {
    if (aim === 'audit' && msg === 'audit') kill('a decision');
  };
  bot.listeners.add(listener);
  if (!bot.running) bot.spawn();
  const ready = bot.ready();
  if (aim === 'start') await Promise.race([ready, sleep(random.within(0, 1500))]);
  else if (await ready) await Promise.race([sleep(random.within(0.1, 1) * ALIVE_MS), bot.ended()]);
  kill(aim === 'start' ? 'start' : 'time');
  bot.listeners.delete(listener);
  rig.slack.onAsked = () => {};
  rig.slack.onDone = () => {};
  const { code, signal } = await bot.ended();
  if (signal !== 'SIGKILL')
    throw new Error(`the bot ended by itself with ${code ?? signal}: ${JSON.stringify(bot.log.slice(-3))}`);
  return hit ?? 'time';
}

/** Everything has ended, and is shown. */
async function drained(folder: string): Promise<void> {
  const untilMs = Date.now() + DRAIN_WITHIN_MS;
  const journal = await Journal.open(join(folder, 'bot.db'));
  try {
    for (;;) {
      const asks = await journal.newestAsks(10_000);
      const posts = await Promise.all(asks.map(({ id }) => journal.posts.get(`ask:${id}`)));
      const open = asks.filter((ask, index) => !hasEnded(ask) || !posts[index]?.shown?.startsWith('final:'));
      const [unposted, lines] = [await journal.posts.unposted(), await journal.posts.withLines()];
      if (open.length + unposted.length + lines.length === 0) return;
      if (Date.now() > untilMs) {
        const what = open.map(({ id, state, text }) => `${id} ${state} ${text}`).join('\n');
        throw new Error(
          `not at its end: ${open.length} asks, ${unposted.length} posts, ${lines.length} threads\n${what}`,
        );
      }
      await sleep(500);
    }
  } finally {
    await journal.close();
  }
}

async function judge(
  rig: BotRig,
  folder: string,
  typed: readonly Typed[],
): Promise<Pick<BotVerdict, 'lost' | 'doubled' | 'wrong' | 'migrations' | 'messages'>> {
  const [lost, doubled, wrong]: [string[], string[], string[]] = [[], [], []];
  const records = await rig.plugin.newest();
  const journal = await Journal.open(join(folder, 'bot.db'));
  const asks = await journal.newestAsks(10_000);
  await journal.close();
  const byDeadline = Map.groupBy(records, ({ asked }) => asked?.deadlineAtMs ?? 0);
  const { messages } = rig.slack.workspace;
  for (const request of typed) {
    const { deadlineAtMs, text, vm, acknowledged, isCancelled, channel } = request;
    const [record, ...others] = byDeadline.get(deadlineAtMs) ?? [];
    if (!record) {
      if (acknowledged > 0) lost.push(`${text}: acknowledged ${acknowledged} times, and no migration`);
      continue;
    }
    if (others.length > 0) doubled.push(`${text}: ${others.length + 1} migrations`);
    if (record.vmName !== vm) wrong.push(`${text}: moved ${record.vmName}`);
    if (isCancelled && record.state !== 'aborted') wrong.push(`${text}: cancelled, and ${record.state}`);
    const own = asks.filter((ask) => ask.wish.deadlineAtMs === deadlineAtMs);
    if (own.length !== 1) doubled.push(`${text}: ${own.length} asks`);
    const shown = messages.filter(
      (message) => message.channel === channel && message.threadTs === null && keyOf(message) === `ask:${own[0]?.id}`,
    );
    if (shown.length !== 1) (shown.length === 0 ? lost : doubled).push(`${text}: ${shown.length} messages`);
    const [ask] = own;
    if (!ask) continue;
    const last = shown[0]?.versions.at(-1);
    const wanted = askMessage(ask, last?.atMs ?? 0);
    if (last?.text !== wanted.text || JSON.stringify(last.blocks) !== JSON.stringify(wanted.blocks)) {
      wrong.push(`${text}: its message is not that of its end: ${last?.text} instead of ${wanted.text}`);
    }
    if (ask.vms[0]?.migration?.state !== record.state) {
      wrong.push(`${text}: the bot has ${ask.vms[0]?.migration?.state}, the plugin ${record.state}`);
    }
  }
  const keys = messages.flatMap((message) => keyOf(message) ?? []);
  for (const [key, same] of Map.groupBy(keys, (key) => key)) {
    if (same.length > 1) doubled.push(`${key}: ${same.length} messages in Slack`);
  }
  const unasked = records.filter(
    ({ asked }) => !typed.some(({ deadlineAtMs }) => deadlineAtMs === asked?.deadlineAtMs),
  );
  for (const { id, vmName } of unasked) wrong.push(`migration ${id} of ${vmName}: nobody asked for it`);
  return { lost, doubled, wrong, migrations: records.length, messages: messages.length };
}

function keyOf({ metadata }: { metadata: object | null }): string | undefined {
  return (metadata as { event_payload?: { key?: string } } | null)?.event_payload?.key;
}
