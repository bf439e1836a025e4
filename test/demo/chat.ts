/** A Slack of the demo's own: the double on loopback, the real bot, and people who type and click. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { type RunningBot, startBot } from '../../bot/bot.ts';
import { readConfig } from '../../bot/config.ts';
import { SlackDouble } from '../slack/double.ts';
import type { Message } from '../slack/workspace.ts';

export const YOU = 'U0YOU0001';
/** Who may approve what you ask for. */
export const BOSS = 'U0BOSS001';
export const CHANNEL = 'C0OPS0001';
export const TIME_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const NAMES: ReadonlyMap<string, string> = new Map([
  [YOU, 'you'],
  [BOSS, 'boss'],
]);

const LOOK_EVERY_MS = 100;

export class Chat {
  readonly slack = new SlackDouble();
  #bot: RunningBot | null = null;

  /** @param socket the control socket of the plugin; `folder` takes the bot's files. */
  async start(socket: string, folder: string): Promise<void> {
    const { slack } = this;
    await slack.start();
    for (const [id, name] of NAMES) slack.workspace.members.set(id, { id, name, timeZone: TIME_ZONE });
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'bot.yaml');
    const all = { priorities: ['low', 'medium', 'high'], drain: true };
    writeFileSync(
      file,
      stringify({
        slack: { apiUrl: slack.apiUrl },
        control: { api: { socket } },
        rights: [
          { users: [YOU], ...all },
          { users: [BOSS], ...all, others: true, approve: true },
        ],
        approval: { rules: [{ drain: true }] },
        database: 'bot.db',
      }),
    );
    const { botToken, appToken, signingSecret } = slack;
    const secrets = { SLACK_BOT_TOKEN: botToken, SLACK_APP_TOKEN: appToken, SLACK_SIGNING_SECRET: signingSecret };
    const log = pino({ level: 'warn' }, pino.destination({ dest: join(folder, 'bot.log'), sync: true }));
    this.#bot = await startBot(readConfig(file, secrets), log);
    await slack.connected();
  }

  async stop(): Promise<void> {
    await this.#bot?.stop();
    await this.slack.stop();
  }

  /** Types `/migrate TEXT`. False: the bot did not acknowledge it in time. */
  async type(text: string): Promise<boolean> {
    return (await this.slack.command(text, { user: YOU, channel: CHANNEL }, null)).acknowledged;
  }

  async click({ channel, ts }: Message, actionId: string, value: string | undefined, user: string): Promise<void> {
    await this.slack.click({ channel, ts, actionId, ...(value === undefined ? {} : { value }) }, user, null);
  }

  /** The blocks of the app's home, as you see it. */
  async home(): Promise<readonly unknown[]> {
    this.slack.workspace.homes.delete(YOU);
    await this.slack.openHome(YOU, null);
    for (let waitedMs = 0; waitedMs < 10_000; waitedMs += LOOK_EVERY_MS) {
      const shown = this.slack.workspace.homes.get(YOU);
      if (shown) return (shown as { blocks: unknown[] }).blocks;
      await sleep(LOOK_EVERY_MS);
    }
    return [];
  }
}
