import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type RunningBot, startBot } from '../../../bot/bot.ts';
import { readConfig } from '../../../bot/config.ts';
import { SlackDouble } from '../../slack/double.ts';

let slack: SlackDouble;
let bot: RunningBot;
let folder = '';

/** Nothing but the bot: no control API answers. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-bot-address-'));
  slack = new SlackDouble();
  await slack.start();
  const file = join(folder, 'bot.yaml');
  const config = {
    slack: { apiUrl: slack.apiUrl, listen: { address: '127.0.0.1', port: 0 } },
    control: { api: { socket: 'control.sock' } },
    database: 'bot.db',
  };
  writeFileSync(file, stringify(config));
  const secrets = { SLACK_BOT_TOKEN: slack.botToken, SLACK_SIGNING_SECRET: slack.signingSecret };
  bot = await startBot(readConfig(file, secrets), pino({ level: 'silent' }));
});

afterEach(async () => {
  await bot.stop();
  await slack.stop();
  rmSync(folder, { recursive: true });
});

it('proves its address to Slack, which asks when the manifest is saved, and to nobody who does not sign', async () => {
  const payload = {
    token: 'legacy',
    challenge: '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P',
    type: 'url_verification',
  };
  const { body, headers } = slack.sign({ type: 'events_api', payload }, Date.now());
  const url = `http://127.0.0.1:${bot.port}/slack/events`;
  const ask = (more: Record<string, string>) => fetch(url, { method: 'POST', body, headers: { ...headers, ...more } });
  const answer = await ask({});
  expect(answer.status).toBe(200);
  expect(await answer.text()).toContain(payload.challenge);
  expect((await ask({ 'x-slack-signature': 'v0=00' })).status).toBe(401);
});
