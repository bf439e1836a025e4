import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Journal } from '../../../bot/journal/journal.ts';
import { botProcess } from '../../bot/process.ts';
import { BotRig, GUEST, OPS } from '../../bot/rig.ts';
import type { ServiceProcess } from '../../service-process.ts';

let rig: BotRig;
let bot: ServiceProcess;
let folder = '';
const WITHIN = { timeout: 30_000 };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-bot-tell-'));
  rig = await BotRig.start(folder, { machines: 4 });
  bot = botProcess(rig.configure(), folder, rig.environment);
  bot.spawn();
  await bot.ready();
}, 120_000);

beforeEach(() => {
  rig.forget();
});

afterAll(async () => {
  bot.kill();
  await bot.ended();
  await rig.stop();
  rmSync(folder, { recursive: true });
});

async function killAndStart(): Promise<void> {
  bot.kill();
  await bot.ended();
  rig.slack.isDown = false;
  bot.spawn();
  await bot.ready();
}

/** The bot that runs now has asked Slack who they are. */
async function seen(user: string): Promise<void> {
  const before = rig.told(user).length;
  await rig.type('status', user);
  await expect.poll(() => rig.told(user).length, WITHIN).toBe(before + 1);
}

async function asksOf(text: string): Promise<{ state: string; told?: boolean }[]> {
  const journal = await Journal.open(join(folder, 'bot.db'));
  try {
    return (await journal.newestAsks(20)).filter((ask) => ask.text === text);
  } finally {
    await journal.close();
  }
}

it('a request that was refused is told to its asker, though the bot is killed between refusing and telling', async () => {
  await rig.type('high vm-1', GUEST);
  await expect.poll(() => rig.told(GUEST).join(), WITHIN).toMatch(/no entry/);
  // Of which workspace somebody is Slack alone can tell, and has told then.
  await seen(OPS);
  rig.forget();
  // Slack hears nothing more of it: what was written down is all that there is.
  rig.slack.isDown = true;
  expect((await rig.type('high vm-l1', OPS)).acknowledged).toBe(true);
  await expect.poll(() => asksOf('high vm-l1'), WITHIN).toMatchObject([{ state: 'refused', told: false }]);
  await killAndStart();
  await expect.poll(() => rig.told(OPS).join(), WITHIN).toMatch(/there is no server vm-l1; did you mean vm-1/);
  await expect.poll(() => asksOf('high vm-l1'), WITHIN).toMatchObject([{ told: true }]);
  await killAndStart();
  // The one that was told is not told again: what comes after it is all that is said.
  await rig.type('status');
  await expect.poll(() => rig.told(OPS).join(), WITHIN).toMatch(/Nothing that you asked for/);
  expect(rig.told(OPS)).toHaveLength(2);
}, 120_000);

it('a click that may not be is answered, though the bot is killed before it is', async () => {
  const at = new Date(Date.now() + 3600_000).toISOString().slice(0, 16);
  await rig.type(`low vm-2 at ${at}Z`);
  await expect.poll(() => JSON.stringify(rig.messages()), WITHIN).toContain('ask.cancel');
  const [message] = rig.messages();
  if (!message) throw new Error('there is no message');
  await seen(GUEST);
  rig.slack.isDown = true;
  expect((await rig.click(message, 'ask.cancel', GUEST)).acknowledged).toBe(true);
  await expect.poll(() => bot.log.some(({ action, who }) => action === 'cancel' && who === GUEST), WITHIN).toBe(true);
  await killAndStart();
  await expect.poll(() => rig.told(GUEST).join(), WITHIN).toMatch(/may not cancel what others asked for/);
}, 120_000);
