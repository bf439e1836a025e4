import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type RunningBot, startBot } from '../../bot/bot.ts';
import { readConfig } from '../../bot/config.ts';
import { dirtyMemory, type Guest, hostOf } from '../lab/guests.ts';
import { SlackDouble } from '../slack/double.ts';
import type { Message } from '../slack/workspace.ts';
import { bearing, ENDED, ENDED_WITHIN_MS, policyText, Stage } from './stage.ts';

const OPS = 'UOPS1';
const CHANNEL = 'COPS1';
/** The first round and the last take some seconds, so that the message is seen on its way. */
const DIRTY = { mebibytes: 96, mebibytesPerSecond: 16 };

let stage: Stage;
let guest: Guest;
let slack: SlackDouble;
let bot: RunningBot;
let folder = '';

beforeAll(async () => {
  stage = await Stage.start({});
  await renew();
  slack = new SlackDouble();
  await slack.start();
  slack.workspace.members.set(OPS, { id: OPS, name: 'ops', timeZone: 'Europe/Berlin' });
  folder = mkdtempSync(join(tmpdir(), 'drover-live-bot-'));
  const config = join(folder, 'bot.yaml');
  writeFileSync(
    config,
    stringify({
      slack: { apiUrl: slack.apiUrl },
      control: { api: { socket: stage.drover.socket } },
      rights: [{ users: [OPS], priorities: ['low', 'medium', 'high'] }],
      approval: { rules: [] },
      database: 'bot.db',
    }),
  );
  const environment = { SLACK_BOT_TOKEN: slack.botToken, SLACK_APP_TOKEN: slack.appToken };
  bot = await startBot(readConfig(config, environment), pino({ level: 'silent' }));
  await slack.connected();
});

afterAll(async () => {
  await bot?.stop();
  await slack?.stop();
  await stage?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function renew(): Promise<void> {
  guest = await stage.boot({ name: 'asked-in-slack', host: 'compute-1' });
}

function messages(): Message[] {
  const { workspace } = slack;
  return workspace.messages.filter(({ channel, threadTs }) => channel === CHANNEL && threadTs === null);
}

/** What each version of the message says of its one server: the headline, and how far it is. */
function seen({ versions }: Message): { headline: string; percent: number | null }[] {
  return versions.map(({ text, blocks }) => {
    const [, percent] = /[▓░]\s+(\d+) %/.exec(JSON.stringify(blocks)) ?? [];
    return { headline: text.replace(/ Asked by .*/, ''), percent: percent === undefined ? null : Number(percent) };
  });
}

describe('a server that is asked for in Slack', () => {
  it(
    'moves through bot, plugin and Nova to its end, and its message tells so step by step',
    bearing(async () => {
      slack.workspace.messages.length = 0;
      await stage.drover.setPolicy(policyText({ technique: 'pre-copy' }));
      const from = await hostOf(stage.lab, guest);
      const to = from === 'compute-1' ? 'compute-2' : 'compute-1';
      await dirtyMemory(stage.lab, guest, DIRTY.mebibytes, DIRTY.mebibytesPerSecond);
      const { acknowledged, tookMs } = await slack.command(
        `high ${guest.name} to ${to}`,
        { user: OPS, channel: CHANNEL },
        null,
      );
      expect(acknowledged).toBe(true);
      expect(tookMs).toBeLessThan(3000);
      await expect.poll(() => messages().length, { timeout: 30_000 }).toBe(1);
      const migration = await stage.drover.migrationOf(guest.id, ENDED, ENDED_WITHIN_MS);
      await dirtyMemory(stage.lab, guest, 0, 0);
      expect(migration).toMatchObject({
        state: 'completed',
        source: from,
        destination: to,
        asked: { priority: 'high', requester: `slack:${OPS}` },
        decision: { priority: 'high' },
      });
      expect(await hostOf(stage.lab, guest)).toBe(to);

      const [message] = messages();
      if (!message) throw new Error('the message is gone');
      const last = () => JSON.stringify(message.versions.at(-1));
      await expect.poll(last, { timeout: 15_000 }).toContain('TMT');
      const steps = seen(message);
      console.log(steps.map(({ headline, percent }) => `${percent ?? '-'} % ${headline}`).join('\n'));
      // In this order: asked for, then on its way and ever further, then moved.
      expect(steps[0]?.headline).toMatch(/^(Asking for|Waiting|Moving)/);
      expect(steps.some(({ headline }) => headline.startsWith('Moving'))).toBe(true);
      expect(steps.at(-1)?.headline).toMatch(new RegExp(`^Moved .* to ${to}`));
      expect(steps.slice(0, -1).some(({ headline }) => headline.startsWith('Moved'))).toBe(false);
      expect(steps.at(-1)?.percent).toBe(100);
      expect(last()).toContain('downtime');
      expect(messages()).toHaveLength(1);

      const below = () =>
        JSON.stringify(
          slack.workspace.messages.filter(({ threadTs }) => threadTs === message.ts).map((each) => each.versions),
        );
      await expect.poll(below, { timeout: 15_000 }).toMatch(/queued.*submitted.*running.*completed/s);
    }, renew),
  );
});
