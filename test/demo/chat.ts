/** A Slack of the demo's own: the double on loopback, the real bot, and people who type and click. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { type RunningBot, startBot } from '../../bot/bot.ts';
import { readConfig } from '../../bot/config.ts';
import { SlackDouble } from '../slack/double.ts';
import type { State } from '../slack/modal.ts';
import type { Message, OpenView } from '../slack/workspace.ts';

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

  async clickHome(actionId: string): Promise<void> {
    await this.slack.clickHome(actionId, YOU, null);
  }

  /** The form that a click has opened; null: none opened. */
  openedForm(): Promise<OpenView | null> {
    const { modals } = this.slack.workspace;
    return this.#within(() => modals.findLast(({ user }) => user === YOU) ?? null);
  }

  /** What the app says is wrong at which field; null: it is taken. */
  async submit({ id }: OpenView, state: State): Promise<Record<string, string> | null> {
    const { acknowledged, body } = await this.slack.submit(id, state, null);
    if (!acknowledged) throw new Error('the bot did not acknowledge it within 3 s: the form stays open');
    return this.slack.workspace.errorsOf(id, body);
  }

  /** The blocks of the app's home, as you see it. */
  async home(): Promise<readonly unknown[]> {
    this.slack.workspace.homes.delete(YOU);
    await this.slack.openHome(YOU, null);
    const shown = await this.#within(() => this.slack.workspace.homes.get(YOU) ?? null);
    return (shown?.blocks as unknown[] | undefined) ?? [];
  }

  async #within<T>(look: () => T | null): Promise<T | null> {
    for (let waitedMs = 0; waitedMs < 10_000; waitedMs += LOOK_EVERY_MS) {
      const found = look();
      if (found !== null) return found;
      await sleep(LOOK_EVERY_MS);
    }
    return null;
  }
}
