import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BotRig } from '../../bot/rig.ts';
import { BOSS, Chat, NAMES, YOU } from '../../demo/chat.ts';
import { FormTalk } from '../../demo/formtalk.ts';
import { Screen, widthOf } from '../../demo/screen.ts';
import { Window } from '../../demo/window.ts';

let rig: BotRig;
let folder = '';
const chat = new Chat();
const reader = () => ({ timeZone: 'UTC', nowMs: Date.now(), names: NAMES, hasColours: false });
const WITHIN = { timeout: 30_000 };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-chat-'));
  rig = await BotRig.start(folder);
  await chat.start(join(folder, 'control.sock'), join(folder, 'bot'));
});

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
    .toMatch(/✋ Waits for approval: all servers of compute-2.*\[\d+ Approve\] \[\d+ Decline\] \[\d+ Withdraw\]/s);
  const approve = window.numbered(Number(/\[(\d+) Approve\]/.exec(drawn.join())?.[1]));
  if (!approve?.message) throw new Error('there is no such button');
  await chat.click(approve.message, approve.clickable.actionId, approve.clickable.value, YOU);
  await expect.poll(said(printed), WITHIN).toContain('nobody approves what they asked for themselves');
  await chat.click(approve.message, approve.clickable.actionId, approve.clickable.value, BOSS);
  await expect.poll(() => look() + printed.join('\n'), WITHIN).toContain('👍 approved by @boss');

  const home = window.home(await chat.home()).join('\n');
  expect(home).toMatch(/running · \d+ waiting/);
  expect(home).toMatch(/\[\d+ New migration\] \[\d+ Refresh\]/);
  expect(home).toContain('compute-1');
});

it('the form is filled in on the terminal as in Slack: what is wrong stands at its field, and it moves what it says', async () => {
  const printed: string[] = [];
  const form = new FormTalk(chat, reader, (lines) => printed.push(...lines));
  const type = async (line: string) => {
    printed.length = 0;
    expect(await form.typed(line)).toBe(true);
    return printed.join('\n');
  };
  expect(await form.typed('nonsense')).toBe(false);
  expect(await type('submit')).toContain('no form is open');
  expect(await type('form')).toMatch(
    /┌ Move servers.*Servers \(optional\)\n.*servers: \(web-1 web-2 db-\*\).*priority: as the policy says +one of: as the policy says, high/s,
  );
  expect(await type('set prio high')).toContain('there is no field prio: servers, drain, priority');
  expect(await type('set priority urgent')).toContain('choose one of: as the policy says, high, medium, low');
  expect(await type('set priority')).toContain('priority: (empty)');
  expect(await type('submit')).toContain('✗ Please complete this required field.');
  expect(await type('set priority low')).toContain('priority: low');
  expect(await type('submit')).toContain('✗ Which servers? Name some here, or a host below.');
  expect(await type('set servers vm-3, vm-4')).not.toContain('✗');
  expect(await type('set deadline 00:00')).toContain('00:00');
  expect(await type('submit')).toContain('✗ This time has passed.');
  const day = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
  expect(await type(`set deadline ${day} 06:00`)).toContain(`deadline: ${day} 06:00`);
  expect(await type('submit')).toBe('');
  const said = () => JSON.stringify(chat.slack.workspace.messages.map(({ versions }) => versions.at(-1)));
  await expect.poll(said, WITHIN).toContain(`/migrate low vm-3 vm-4 by ${day}T06:00:00Z`);
  expect(chat.slack.workspace.modals).toEqual([]);
  // Closed, it says nothing.
  await type('form');
  await type('set servers vm-5');
  await type('close');
  expect(chat.slack.workspace.modals).toEqual([]);
  expect(await type('set servers vm-5')).toContain('no form is open');
});

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
