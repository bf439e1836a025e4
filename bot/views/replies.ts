import type { types } from '@slack/bolt';
import type { Ask } from '../asks/ask.ts';
import { writeValue } from '../asks/click.ts';
import { pointAt } from '../command/mistake.ts';
import type { Slip } from '../command/slip.ts';
import { unescapeSlack } from '../command/words.ts';
import type { CommandError } from '../errors.ts';
import { actions, button, context, type Message, message, section, sectionsOf } from './blocks.ts';
import { clipped, oneName } from './inert.ts';
import { code, joined, type Mrkdwn, md, preformatted, prose } from './mrkdwn.ts';

/** Short answers that only the one who asked sees. */

const WINDOW = 90;
const BEFORE_MISTAKE = 40;

/** The words with the place of the mistake below them. */
export function mistake(text: string, error: CommandError): Message {
  const lines = windowed(pointAt(text, error).split('\n'));
  return message(md`This cannot be understood: ${error.message}`, [
    section(preformatted(lines, 2500)),
    context(md`\`/migrate help\` shows what can be written`),
  ]);
}

/** Of a long line only what stands around the mistake: a line that wraps points nowhere. */
function windowed([line = '', pointer = '']: string[]): string[] {
  const place = pointer.search(/\S/);
  if (line.length <= WINDOW || place < 0) return [line, pointer];
  const from = Math.max(0, place - BEFORE_MISTAKE);
  const cut = line.slice(from, from + WINDOW);
  const dots = from > 0 ? '…' : '';
  const shown = `${dots}${cut}${from + WINDOW < line.length ? '…' : ''}`;
  const [, carets = '', rest = ''] = /^\s*(\^+)(.*)$/s.exec(pointer) ?? [];
  const width = Math.min(carets.length, WINDOW - (place - from));
  return [shown, `${' '.repeat(place - from + dots.length)}${'^'.repeat(Math.max(1, width))}${rest}`];
}

/** Somebody may not do it, or it cannot be done any more. */
export function refused(why: string): Message {
  return said(md`⛔ ${prose(why, 1500)}`);
}

export function tooLate(why: string): Message {
  return said(md`⌛ ${prose(why, 1500)}`);
}

export function cancelled(name: string): Message {
  return said(md`🚫 ${code(name)} is being cancelled`);
}

/** `isPassing`: it may be there again in a moment. */
export function trouble(error: { message: string; isPassing: boolean }): Message {
  if (!error.isPassing) return said(md`⚠️ ${prose(error.message, 1500)}`);
  return said(
    md`🔌 *Drover does not answer now*, so nothing can be shown: ${prose(error.message, 800)}\nWhat was asked for before is kept and goes on by itself. Try again in a minute.`,
  );
}

/** `slip`: a word of `text` that was probably meant for another. */
export function notFound(texts: readonly string[], text = '', slip: Slip | null = null): Message {
  const { blocks, leftOut } = sectionsOf(
    texts.map((each) => md`🔎 ${prose(each, 700)}`),
    3,
  );
  const more = leftOut > 0 ? [context(md`and ${leftOut} more`)] : [];
  const all = [...(slip ? [slipBlock(text, slip)] : []), ...blocks, ...more];
  return message(md`${slip ? slipText(slip) : (texts[0] ?? 'nothing was found')}`, all);
}

function slipBlock(text: string, slip: Slip): types.KnownBlock {
  return section(preformatted(windowed(pointAt(text, { message: slipText(slip), span: slip.span }).split('\n')), 2500));
}

function slipText({ written, meant }: Slip): string {
  if (written.toLowerCase() === meant)
    return `in quotes ${written} is a name, and no server is called so: leave the quotes out`;
  return `no server is called ${written}${meant === null ? ': leave it out' : `; did you mean ${meant}?`}`;
}

const MOST_NAMES = 3;

/** To whoever asked for what came to nothing; what may have been meant is a click away. */
export function cameToNothing(ask: Pick<Ask, 'id' | 'text' | 'stateText' | 'choices' | 'slip'>): Message {
  const slip = ask.slip ?? null;
  const texts = (ask.stateText ?? '').split('\n').filter((text) => text.trim() !== '');
  const words = code(`/migrate ${unescapeSlack(ask.text)}`, 200);
  const { blocks } = sectionsOf([md`⛔ ${words} was not taken`, ...texts.map((text) => prose(text, 700))], 3);
  const nearest = ask.choices.slice(0, MOST_NAMES).flatMap(({ pattern, servers }, index) => {
    const isAlone = (name: string) => servers.filter((server) => server.name === name).length === 1;
    const buttons = servers.map(({ id, name, host }, at) =>
      button({
        label: isAlone(name) ? name : `${clipped(oneName(name), 40)} on ${host ?? 'no host'}`,
        actionId: `ask.choose:${index}.${at}`,
        value: writeValue(ask.id, id, String(index)),
      }),
    );
    return [section(md`Instead of ${code(pattern)} move:`), ...actions(`nearest:${ask.id}:${index}`, buttons)];
  });
  const pointer = slip ? [slipBlock(ask.text, slip)] : [];
  const why = slip ? slipText(slip) : (texts[0] ?? 'nothing was asked for');
  return message(md`Not taken: ${why}`, [...blocks, ...pointer, ...nearest]);
}

/** What is said where not even that could be written down. */
export function unwritten(isSettled: boolean): string {
  return isSettled
    ? 'This could not be written down (is the disk of the bot full?), so nothing will come of it. Try again.'
    : 'It takes long to write this down. /migrate status will show whether it was taken; do not ask again before.';
}

type Usage = readonly [words: string, means: string];

/** What can be written, by what it is for. */
const HELP: readonly (readonly [title: string, lines: readonly Usage[]])[] = [
  [
    'Move servers',
    [
      ['high vm-42', 'one server, high priority'],
      ['low web-1 web-2 db-*', 'several; `*` and `?` stand for letters'],
      ['medium vm-42 to compute-3', 'to that host; else Nova chooses'],
      ['vm-42 by 18:00', 'must have ended by then; also `in 2h`, `by 2026-12-01 06:00 Asia/Colombo`'],
      ['low vm-42 at 02:00', 'not before then'],
      ['host compute-3 medium', 'all servers of a host'],
    ],
  ],
  [
    'Look first',
    [
      ['plan high vm-42', 'what would happen: technique, order, ETA, what workloads lose'],
      ['explain vm-42', 'which rule of the policy decides, and why'],
      ['policy', 'which policy is active, since when, by which commit'],
    ],
  ],
  [
    'Watch and stop',
    [
      ['status', 'what you asked for; `status vm-42`, `status all`'],
      ['cancel vm-42', 'what waits is not begun, what runs is aborted'],
    ],
  ],
];

export function help(): Message {
  const blocks = HELP.map(([title, lines]) => {
    const rows = lines.map(([words, means]): Mrkdwn => ({ mrkdwn: `\`/migrate ${words}\`  ${means}` }));
    return section(joined([md`*${title}*`, ...rows], '\n'));
  });
  const quotes = md`Times are by your own clock. Quotes keep a name together: \`high "my vm"\`. Without a priority the policy decides.`;
  return message(
    md`/migrate moves servers live: /migrate high vm-42, /migrate plan …, /migrate status, /migrate cancel vm-42`,
    [...blocks, context(quotes), ...actions('help', [button({ label: 'Fill in a form', actionId: 'form.open' })])],
  );
}

function said(text: Mrkdwn): Message {
  return message({ mrkdwn: text.mrkdwn.replaceAll('\n', ' ') }, [section(text)]);
}
