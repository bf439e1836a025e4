import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BotRig } from '../../bot/rig.ts';
import { BOSS, Chat, NAMES, YOU } from '../../demo/chat.ts';
import { Screen, widthOf } from '../../demo/screen.ts';
import { Window } from '../../demo/window.ts';
import { shownBlocks } from '../../slack/terminal.ts';

let rig: BotRig;
let folder = '';
const chat = new Chat();
const reader = () => ({ timeZone: 'UTC', nowMs: Date.now(), names: NAMES, hasColours: false });
const WITHIN = { timeout: 15_000 };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-chat-'));
  rig = await BotRig.start(folder);
  await chat.start(join(folder, 'control.sock'), join(folder, 'bot'));
}, 60_000);

afterAll(async () => {
  await chat.stop();
  await rig.stop();
  rmSync(folder, { recursive: true });
});

it('the demo shows what the bot says: the message as it changes, its buttons by number, what only you see, the home', async () => {
  const printed: string[] = [];
  let drawn: string[] = [];
  const window = new Window(
    chat.slack.workspace.messages,
    reader,
    (lines) => printed.push(...lines),
    (lines) => {
      drawn = lines;
    },
  );
  const said = (lines: string[]) => () => {
    window.look();
    return lines.join('\n');
  };
  expect(await chat.type('low vm-1 at 25:00')).toBe(true);
  await expect
    .poll(said(printed), WITHIN)
    .toMatch(/Drover \(only you see this\)\n.*\/migrate low vm-1 at 25:00\n.*\^{5} this is no time/);

  expect(await chat.type('high vm-1')).toBe(true);
  await expect.poll(said(printed), WITHIN).toMatch(/✅ Moved vm-1|❌ Failed: vm-1/);

  // A drain takes the boss, whose click is theirs.
  expect(await chat.type('host compute-2')).toBe(true);
  const look = () => {
    window.look();
    return drawn.join('\n');
  };
  await expect
    .poll(look, WITHIN)
    .toMatch(/✋ Waits for approval: all servers of compute-2.*\[1 Approve\] \[2 Decline\] \[3 Withdraw\]/s);
  const approve = window.numbered(1);
  if (!approve) throw new Error('there is no button 1');
  await chat.click(approve.message, approve.clickable.actionId, approve.clickable.value, YOU);
  await expect.poll(said(printed), WITHIN).toContain('nobody approves what they asked for themselves');
  await chat.click(approve.message, approve.clickable.actionId, approve.clickable.value, BOSS);
  await expect.poll(() => look() + printed.join('\n'), WITHIN).toContain('👍 approved by @boss');

  const home = shownBlocks(await chat.home(), reader()).lines.join('\n');
  expect(home).toMatch(/running · \d+ waiting/);
  expect(home).toContain('[1 New migration] [2 Refresh]');
  expect(home).toContain('compute-1');
}, 60_000);

it('what changes is drawn in its own place, lines that wrap counted', () => {
  const output = Object.assign(new PassThrough(), { columns: 20, rows: 8 });
  const written: string[] = [];
  output.on('data', (data) => written.push(String(data)));
  const screen = new Screen(
    new PassThrough() as never,
    output as never,
    () => {},
    () => {},
  );
  screen.redraw(['short', '🚚 a line of more than twenty cells']);
  written.length = 0;
  screen.redraw(['other']);
  screen.redraw(['gone', 'gone', 'gone', 'a line of more than twenty cells', 'b', 'c']);
  screen.close();
  expect(widthOf('🚚 ▓░ web')).toBe(9);
  // 1 + 2 rows up.
  expect(written.join('')).toContain('\u001b[3A');
  const text = stripVTControlCharacters(written.join(''));
  expect(text).toContain('other\n');
  expect(text).toContain('  …\ngone\na line of more than twenty cells\nb\nc\n');
});
