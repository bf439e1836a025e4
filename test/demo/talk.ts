/** The part of the demo that plays in Slack. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reader } from '../slack/terminal.ts';
import { BOSS, type Chat, NAMES, TIME_ZONE, YOU } from './chat.ts';
import { FormTalk } from './formtalk.ts';
import { Screen } from './screen.ts';
import { Window } from './window.ts';

const LOOK_EVERY_MS = 200;
const ENDED_WITHIN_MS = 120_000;
const GUIDE = [
  '',
  "This is #ops in a Slack of the demo's own, with the real bot. Type as in Slack, for example:",
  '  /migrate plan high sends receives',
  '  /migrate high sends to compute-1',
  "  /migrate host compute-2          (takes the boss's approval: boss 1 clicks button 1 as the boss)",
  '  1                                clicks button [1]',
  "  home                             shows the app's home; its buttons have numbers, too",
  '  form                             opens the form; set servers sends, set priority high, submit, close',
  '  quit                             ends the demo',
  '',
];

/** One command, shown as it comes until its message says that it has ended. True: it has, and says `words`. */
export async function saidOnce(chat: Chat, text: string, words: string): Promise<boolean> {
  const { messages } = chat.slack.workspace;
  const window = new Window(messages, () => reader(Boolean(process.stdout.isTTY)), printAll, null);
  console.log(`  you: /migrate ${text}`);
  if (!(await chat.type(text))) return false;
  for (let waitedMs = 0; waitedMs < ENDED_WITHIN_MS; waitedMs += LOOK_EVERY_MS) {
    window.look();
    const own = messages.filter(({ threadTs, onlyFor }) => threadTs === null && onlyFor === null);
    if (own.some(({ versions }) => versions.at(-1)?.text.includes(words))) return true;
    await sleep(LOOK_EVERY_MS);
  }
  return false;
}

/** Takes what is typed until `quit`. */
export async function talk(chat: Chat): Promise<void> {
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const screen = new Screen(process.stdin, process.stdout, (line) => void typed(line.trim()), end);
  const { messages } = chat.slack.workspace;
  const window = new Window(
    messages,
    () => reader(true),
    (lines) => screen.print(lines),
    (lines) => screen.redraw(lines),
  );
  const form = new FormTalk(
    chat,
    () => reader(true),
    (lines) => screen.print(lines),
  );
  window.skip();
  screen.print(GUIDE);
  const timer = setInterval(() => window.look(), LOOK_EVERY_MS);

  async function typed(line: string): Promise<void> {
    const command = /^\/migrate(?:\s+(.*))?$/.exec(line);
    const click = /^(boss\s+)?(\d+)$/.exec(line);
    if (line === 'quit' || line === 'exit') return end();
    if (line === '') return;
    if (command) {
      if (!(await chat.type(command[1] ?? ''))) screen.print(['  (the bot did not acknowledge it within 3 s)']);
    } else if (click) await press(Number(click[2]), click[1] ? BOSS : YOU);
    else if (line === 'home') screen.print(window.home(await chat.home()));
    else if (!(await form.typed(line))) screen.print(GUIDE);
  }

  async function press(number: number, user: string): Promise<void> {
    const found = window.numbered(number);
    if (!found) return screen.print([`  (there is no button ${number} now)`]);
    const { message, clickable } = found;
    // The dialogue is shown and taken as confirmed: who types the number has read the button.
    if (clickable.confirm) screen.print([`  (${clickable.confirm})`]);
    try {
      if (message) await chat.click(message, clickable.actionId, clickable.value, user);
      else await chat.clickHome(clickable.actionId);
      if (clickable.actionId === 'form.open') await form.opened();
      if (clickable.actionId === 'home.refresh') screen.print(window.home(await chat.home()));
    } catch (error) {
      screen.print([`  (${error instanceof Error ? error.message : String(error)})`]);
    }
  }

  await over;
  clearInterval(timer);
  screen.close();
}

function reader(hasColours: boolean): Reader {
  return { timeZone: TIME_ZONE, nowMs: Date.now(), names: NAMES, hasColours };
}

function printAll(lines: string[]): void {
  for (const line of lines) console.log(line);
}
