import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { botCampaign } from '../../bot/campaign.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-bot-kills-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

// The long version is bench:bot.
it('kill -9 of the bot under doubled and delayed signed requests: each moves its server once and is shown once', {
  timeout: 150_000,
}, async () => {
  const few = { kills: 3, requests: 8, copies: 4, machines: 12, channels: 4, http: true };
  const verdict = await botCampaign({ ...few, seed: 20261124, folder, gapMs: 500, delayMs: 4000 });
  expect([...verdict.lost, ...verdict.doubled, ...verdict.wrong]).toEqual([]);
  expect(verdict.migrations).toBe(8);
});
