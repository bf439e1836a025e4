import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import axios from 'axios';
import { z } from 'zod';
import { MigrationEvent, MigrationRecord } from '../../plugin/contract.ts';
import { changedPolicy } from '../lab/policy.ts';
import type { Message } from '../slack/workspace.ts';
import { botProcess } from './process.ts';
import { BotRig, CHANNEL, OPS } from './rig.ts';

export interface CrowdResult {
  asked: number;
  /** So many ran at the same moment. */
  mostRunning: number;
  completed: number;
  /** From the plugin's event to the first message in the channel that shows it, ms, sorted. */
  runningLateMs: number[];
  endLateMs: number[];
  /** The longest time for which the share that the channel shows of it was not true any more, one for each, ms, sorted. */
  staleMs: number[];
  unseen: string[];
  posts: number;
  updates: number;
  /** In any 60 s. */
  mostUpdatesAMinute: number;
  tooFast: number;
  /** Until each message by itself said the end, ms after the last end. */
  settledMs: number;
}

/** What one version of a message says at one time. */
interface Sight {
  atMs: number;
  /** With the percent that are said to be done, null: only that it runs. */
  running: Map<string, number | null>;
  ended: Set<string>;
}

const HOSTS = 20;
const SETTLED_WITHIN_MS = 900_000;

/** Many requests of one server each, typed in one channel, all of which run at once. */
export async function crowd(folder: string, count: number, runMs: readonly [number, number]): Promise<CrowdResult> {
  const policy = (text: string) =>
    changedPolicy(text, {
      technique: 'pre-copy',
      strategy: 'parallel',
      limits: { lower: '1 %', upper: '5 %' },
    }).replace('parallelPerLink: 4', `parallelPerLink: ${count}`);
  const concurrent = Math.ceil(count / HOSTS);
  const rig = await BotRig.start(folder, { hosts: HOSTS, concurrent, machines: count, runMs, policy });
  const config = rig.configure();
  const bot = botProcess(config, folder, rig.environment);
  try {
    bot.spawn();
    if (!(await bot.ready())) throw new Error('the bot does not start');
    // hostd tells what changes by itself, and how far one is with it.
    const telling = setInterval(() => rig.cloud.machines.changed(), 2000);
    for (const { name } of rig.cloud.machines.machines.values()) {
      const { acknowledged } = await rig.slack.command(`low ${name}`, { user: OPS, channel: CHANNEL }, null);
      if (!acknowledged) throw new Error(`${name} was not acknowledged`);
      await sleep(100);
    }
    let mostRunning = 0;
    for (;;) {
      // A busy machine may be slow to answer.
      const open = await rig.plugin.unfinished().catch(() => null);
      if (open === null) continue;
      mostRunning = Math.max(mostRunning, open.filter(({ state }) => state === 'running').length);
      if (open.length === 0) break;
      await sleep(1000);
    }
    clearInterval(telling);
    const endedAtMs = Date.now();
    const untilMs = endedAtMs + SETTLED_WITHIN_MS;
    const isOpen = (message: Message) => JSON.stringify(message.versions.at(-1)).includes('ask.cancel');
    while (rig.messages().filter((message) => !isOpen(message)).length < count && Date.now() < untilMs)
      await sleep(1000);
    return { ...(await measured(rig, count)), mostRunning, settledMs: Date.now() - endedAtMs };
  } finally {
    bot.kill();
    await bot.ended();
    await rig.stop();
  }
}

async function measured(rig: BotRig, count: number): Promise<Omit<CrowdResult, 'mostRunning' | 'settledMs'>> {
  const sights = rig
    .messages()
    .flatMap(({ versions }) => versions.map(sightOf))
    .toSorted((a, b) => a.atMs - b.atMs);
  const records = (await recordsOf(rig)).filter(({ asked }) => asked !== null);
  const [runningLateMs, endLateMs, staleMs]: [number[], number[], number[]] = [[], [], []];
  const unseen: string[] = [];
  for (const { vmName, id, endedAtMs } of records) {
    const events = await eventsOf(rig, id);
    const runningAtMs = events.find(({ state }) => state === 'running')?.atMs;
    if (runningAtMs === undefined || endedAtMs === null) continue;
    const shown = sights.filter(({ atMs, running }) => running.has(vmName) && atMs >= runningAtMs && atMs <= endedAtMs);
    const end = sights.find(({ atMs, ended }) => ended.has(vmName) && atMs >= endedAtMs - 1000);
    const [first] = shown;
    if (!first || !end) {
      unseen.push(vmName);
      continue;
    }
    runningLateMs.push(first.atMs - runningAtMs);
    endLateMs.push(Math.max(0, end.atMs - endedAtMs));
    const shares = shown.flatMap(({ atMs, running }) => {
      const percent = running.get(vmName) ?? null;
      return percent === null ? [] : [{ atMs, percent }];
    });
    const next = [...shares.slice(1), end];
    staleMs.push(
      Math.max(0, ...shares.map(({ percent }, at) => (next[at]?.atMs ?? 0) - trueUntilMs(rig, vmName, percent))),
    );
  }
  const done = (method: string) => rig.slack.calls.filter((call) => call.method === method && call.status === 200);
  const updates = done('chat.update').map(({ atMs }) => atMs);
  const inAMinute = updates.map((from) => updates.filter((atMs) => atMs >= from && atMs < from + 60_000).length);
  const sorted = (list: number[]) => list.toSorted((a, b) => a - b);
  return {
    asked: count,
    completed: records.filter(({ state }) => state === 'completed').length,
    runningLateMs: sorted(runningLateMs),
    endLateMs: sorted(endLateMs),
    staleMs: sorted(staleMs),
    unseen,
    posts: done('chat.postMessage').length,
    updates: updates.length,
    mostUpdatesAMinute: Math.max(0, ...inAMinute),
    tooFast: rig.slack.calls.filter(({ status }) => status === 429).length,
  };
}

/** What is said to be done so far is true until another percent is done. */
function trueUntilMs(rig: BotRig, vmName: string, percent: number): number {
  const { runningAtMs, runsForMs } = rig.cloud.machines.migrations.find(({ machine }) => machine.name === vmName) ?? {};
  if (!runningAtMs || !runsForMs) throw new Error(`nobody knows how far ${vmName} is`);
  return runningAtMs + ((percent + 1) / 100) * runsForMs;
}

async function eventsOf(rig: BotRig, id: number): Promise<MigrationEvent[]> {
  const options = { socketPath: join(rig.folder, 'control.sock'), proxy: false as const };
  return z.array(MigrationEvent).parse((await axios.get(`http://control/v1/migrations/${id}/events`, options)).data);
}

async function recordsOf(rig: BotRig): Promise<MigrationRecord[]> {
  const options = { socketPath: join(rig.folder, 'control.sock'), proxy: false as const };
  return z
    .array(MigrationRecord)
    .parse((await axios.get('http://control/v1/migrations?all=1&limit=1000', options)).data);
}

/** A line with a bar runs, unless it is full; one with a mark has ended. */
function sightOf({ atMs, blocks }: Message['versions'][number]): Sight {
  const sight: Sight = { atMs, running: new Map(), ended: new Set() };
  for (const text of textsOf(blocks)) {
    for (const line of text.split('\n')) {
      const [name] = /vm-\d+/.exec(line) ?? [];
      if (!name) continue;
      if (/^[✅❌]/u.test(line)) sight.ended.add(name);
      else if (/^(🚚|⚡)|^`?[▓░]/u.test(line)) {
        const [, percent] = /(\d+) %/.exec(line) ?? [];
        sight.running.set(name, percent === undefined ? null : Number(percent));
      }
    }
  }
  return sight;
}

function textsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'text' && typeof inner === 'string' ? [inner] : textsOf(inner),
  );
}
