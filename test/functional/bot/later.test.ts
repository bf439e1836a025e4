import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BotRig, shown } from '../../bot/rig.ts';

let rig: BotRig;
let folder = '';
const WITHIN = { timeout: 60_000 };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-bot-later-'));
  rig = await BotRig.start(folder, { machines: 4 });
  await rig.startBot();
});

afterAll(async () => {
  await rig.stop();
  rmSync(folder, { recursive: true });
});

it('what was asked for later starts then, not before, though bot and plugin were killed meanwhile', async () => {
  const startAtMs = (Math.floor(Date.now() / 1000) + 12) * 1000;
  await rig.type(`low vm-1 at ${new Date(startAtMs).toISOString().slice(0, 19)}Z`);
  await expect.poll(() => rig.messages().map(shown).join(), WITHIN).toMatch(/waits to be moved.*not before/);
  await rig.stopBot();
  rig.plugin.kill();
  await rig.plugin.ended();
  rig.plugin.spawn();
  await rig.plugin.ready();
  await rig.startBot();
  const upAtMs = Date.now();
  await expect.poll(() => rig.messages().map(shown).join(), WITHIN).toMatch(/Moved vm-1/);
  expect(rig.messages()).toHaveLength(1);
  const [record, ...others] = (await rig.plugin.newest()).filter(({ vmName }) => vmName === 'vm-1');
  expect(others).toEqual([]);
  expect(record?.submittedAtMs).toBeGreaterThanOrEqual(startAtMs);
  expect(record?.submittedAtMs).toBeLessThan(Math.max(startAtMs, upAtMs) + 30_000);
}, 120_000);
