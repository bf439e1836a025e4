import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { type RunningBot, startBot } from '../../bot/bot.ts';
import { readConfig } from '../../bot/config.ts';
import { type AuditLine, Journal } from '../../bot/journal/journal.ts';
import { Cloud, type CloudAddresses } from '../cloud/cloud.ts';
import { freePort } from '../free-port.ts';
import { PluginProcess } from '../plugin/process.ts';
import { putPolicy } from '../policy-file.ts';
import { SlackDouble } from '../slack/double.ts';
import type { Message } from '../slack/workspace.ts';

export const OPS = 'UOPS1';
export const BOSS = 'UBOSS1';
export const GUEST = 'UGUEST1';
export const CHANNEL = 'COPS1';
export const POLICY_CHANNEL = 'CPOLICY1';

export interface RigOptions {
  hosts?: number;
  /** Nova's max_concurrent_live_migrations on each host. */
  concurrent?: number;
  machines?: number;
  seed?: number;
  /** How long a migration runs, ms. */
  runMs?: readonly [number, number];
  /** The policy, from the shipped one. */
  policy?: (text: string) => string;
}

/** Slack's double, the real plugin before a Nova double, and a folder for the bot's configuration. */
export class BotRig {
  readonly slack = new SlackDouble();
  readonly cloud: Cloud;
  readonly plugin: PluginProcess;
  readonly folder: string;
  bot: RunningBot | null = null;
  /** The app's request URL; null: Socket Mode. */
  url: string | null = null;
  #known = 0;

  private constructor(folder: string, cloud: Cloud, plugin: PluginProcess) {
    this.folder = folder;
    this.cloud = cloud;
    this.plugin = plugin;
  }

  static async start(
    folder: string,
    { hosts = 3, concurrent = 4, machines = 12, seed = 7, runMs, policy = (text) => text }: RigOptions = {},
  ): Promise<BotRig> {
    mkdirSync(folder, { recursive: true });
    const names = Array.from({ length: hosts }, (_, index) => `compute-${index + 1}`);
    const long = runMs ? { runMs } : {};
    const cloud = new Cloud({ seed, hosts: names, machines, concurrent, faults: 0, folder, ...long });
    const addresses: CloudAddresses = await cloud.start();
    const plugin = new PluginProcess(folder, addresses);
    await plugin.prepare();
    const policyFile = join(folder, 'policy.yaml');
    putPolicy(policyFile, policy(readFileSync(policyFile, 'utf8')));
    plugin.spawn();
    if (!(await plugin.ready())) throw new Error('the plugin does not start');
    const rig = new BotRig(folder, cloud, plugin);
    await rig.slack.start();
    for (const id of [OPS, BOSS, GUEST])
      rig.slack.workspace.members.set(id, { id, name: id.toLowerCase(), timeZone: 'Europe/Berlin' });
    rig.slack.workspace.groups.set('SOPS1', [OPS, BOSS]);
    return rig;
  }

  /** The configuration's file, with what differs from the usual. */
  configure(more: object = {}, httpPort: number | null = null): string {
    const file = join(this.folder, 'bot.yaml');
    const slack = {
      apiUrl: this.slack.apiUrl,
      policyChannel: POLICY_CHANNEL,
      ...(httpPort === null ? {} : { listen: { address: '127.0.0.1', port: httpPort } }),
    };
    const ops = { groups: ['SOPS1'], priorities: ['low', 'medium', 'high'], drain: true };
    const config = {
      slack,
      control: { api: { socket: join(this.folder, 'control.sock') } },
      rights: [ops, { users: [BOSS], priorities: ['low', 'medium', 'high'], approve: true, others: true, drain: true }],
      approval: { rules: [] },
      database: 'bot.db',
      ...more,
    };
    writeFileSync(file, stringify(config));
    return file;
  }

  get environment(): Record<string, string> {
    const { botToken, appToken, signingSecret } = this.slack;
    return { SLACK_BOT_TOKEN: botToken, SLACK_APP_TOKEN: appToken, SLACK_SIGNING_SECRET: signingSecret };
  }

  /** For a bot in a process of its own, which Slack calls here from now on. */
  async httpPort(): Promise<number> {
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}/slack/events`;
    return port;
  }

  async startBot(more: object = {}, { http = false, membersMs = 30_000 } = {}): Promise<void> {
    const file = this.configure(more, http ? 0 : null);
    const log = pino({ level: process.env.BOT_LOG ?? 'silent' });
    this.bot = await startBot(readConfig(file, this.environment), log, { settleMs: 300, membersMs });
    this.url = this.bot.port === null ? null : `http://127.0.0.1:${this.bot.port}/slack/events`;
    if (!http) await this.slack.connected();
  }

  async stopBot(): Promise<void> {
    await this.bot?.stop();
    this.bot = null;
    // What is delivered next must not go to a socket that is being closed.
    while (this.slack.connections > 0) await sleep(10);
  }

  async stop(): Promise<void> {
    await this.stopBot();
    this.plugin.kill();
    await this.plugin.ended();
    await this.cloud.stop();
    await this.slack.stop();
  }

  type(text: string, user = OPS, channel = CHANNEL): ReturnType<SlackDouble['command']> {
    return this.slack.command(text, { user, channel }, this.url);
  }

  click(message: Message, actionId: string, user = OPS): ReturnType<SlackDouble['click']> {
    return this.slack.click({ channel: message.channel, ts: message.ts, actionId }, user, this.url);
  }

  /** Newest first, as the journal has them. */
  async auditLines(): Promise<AuditLine[]> {
    const journal = await Journal.open(join(this.folder, 'bot.db'));
    try {
      return await journal.auditLines(200);
    } finally {
      await journal.close();
    }
  }

  writePolicy(change: (text: string) => string): void {
    const file = join(this.folder, 'policy.yaml');
    putPolicy(file, change(readFileSync(file, 'utf8')));
  }

  /** What was posted until now is not looked at any more. */
  forget(): void {
    this.#known = this.slack.workspace.messages.length;
  }

  /** Posted since then. */
  get fresh(): Message[] {
    return this.slack.workspace.messages.slice(this.#known);
  }

  /** Messages that stand in the channel by themselves. */
  messages(channel = CHANNEL): Message[] {
    return this.fresh.filter((each) => each.channel === channel && each.threadTs === null && each.onlyFor === null);
  }

  thread(message: Message): string {
    const below = this.slack.workspace.messages.filter(({ threadTs }) => threadTs === message.ts);
    return below.map((each) => shown(each)).join('\n');
  }

  /** What only that user saw, newest last. */
  told(user = OPS): string[] {
    return this.fresh.filter(({ onlyFor }) => onlyFor === user).map((each) => shown(each));
  }
}

/** All that a message says now. */
export function shown({ versions }: Message): string {
  return JSON.stringify(versions.at(-1));
}
