import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { botProcess } from '../../bot/process.ts';
import { BotRig, OPS, shown } from '../../bot/rig.ts';
import type { ServiceProcess } from '../../service-process.ts';

let rig: BotRig;
let bot: ServiceProcess;
let folder = '';
/** While it is there the disk does not answer. */
let hang = '';
const WITHIN = { timeout: 30_000 };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-bot-disk-'));
  hang = join(folder, 'hang');
  const library = join(folder, 'slowdisk.so');
  execFileSync('gcc', ['-shared', '-fPIC', '-o', library, join(import.meta.dirname, 'slowdisk.c'), '-ldl']);
  rig = await BotRig.start(folder, { machines: 4 });
  const environment = { ...rig.environment, LD_PRELOAD: library, SLOW_DISK: hang };
  bot = botProcess(rig.configure(), folder, environment);
  bot.spawn();
  await bot.ready();
}, 120_000);

beforeEach(() => {
  rmSync(hang, { force: true });
  rig.forget();
});

afterAll(async () => {
  rmSync(hang, { force: true });
  bot.kill();
  await bot.ended();
  await rig.stop();
  rmSync(folder, { recursive: true });
});

const recordsOf = async (vm: string) => (await rig.plugin.newest()).filter(({ vmName }) => vmName === vm);

it('a disk that does not answer: requests are acknowledged at once, and nothing is done for them before they are on it', async () => {
  writeFileSync(hang, '');
  const typed = [await rig.type('high vm-1'), await rig.type('low vm-2')];
  // What is only read and told is answered. What was typed before may be taken up after it.
  const status = async () => {
    typed.push(await rig.type('status'));
    return rig.told(OPS).join();
  };
  await expect.poll(status, { ...WITHIN, interval: 500 }).toMatch(/Your requests: 2/);
  for (const { acknowledged, body } of typed) expect([acknowledged, body]).toEqual([true, '{}']);
  expect(rig.messages()).toEqual([]);
  expect([...(await recordsOf('vm-1')), ...(await recordsOf('vm-2'))]).toEqual([]);
  rmSync(hang);
  await expect.poll(() => rig.messages().filter((each) => /TMT|failed/.test(shown(each))).length, WITHIN).toBe(2);
  expect(await recordsOf('vm-1')).toHaveLength(1);
});

it('while SQLite itself waits for the disk Slack is answered in time, and what it brought is dealt with once', async () => {
  await rig.type('low vm-3');
  await expect.poll(() => rig.messages().map(shown).join(), WITHIN).toMatch(/TMT|failed/);
  rig.forget();
  // All of the log is in the database now: the next commit begins it anew, and waits for its header to be on the disk.
  const other = new Database(join(folder, 'bot.db'));
  await expect.poll(() => other.pragma('wal_checkpoint(FULL)'), WITHIN).toMatchObject([{ busy: 0 }]);
  other.close();
  writeFileSync(hang, '');
  const { acknowledged, body, delivery } = await rig.type('high vm-0');
  expect(acknowledged).toBe(true);
  expect(body).toMatch(/takes long to write this down/);
  const again = await rig.slack.again(delivery, rig.url, { attempt: 1, reason: 'timeout' });
  expect(again.acknowledged).toBe(true);
  rmSync(hang);
  await expect.poll(() => rig.messages().map(shown).join(), WITHIN).toMatch(/TMT|failed/);
  expect(rig.messages()).toHaveLength(1);
  expect(await recordsOf('vm-0')).toHaveLength(1);
});
