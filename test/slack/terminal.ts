/**
 * Block Kit as Slack would show it, for a terminal: bold, code, mentions, dates in the reader's zone, buttons with numbers
 * that can be typed. Pure.
 */
import { styleText } from 'node:util';
import { type Span, spansOf } from './mrkdwn.ts';

export interface Reader {
  /** IANA name. */
  timeZone: string;
  nowMs: number;
  /** Of Slack ids. */
  names: ReadonlyMap<string, string>;
  hasColours: boolean;
}

/** Something that can be clicked, by its number. */
export interface Clickable {
  number: number;
  actionId: string;
  value: string | undefined;
  label: string;
  /** What its dialogue asks before; null: none. */
  confirm: string | null;
}

export interface Shown {
  lines: string[];
  clickables: Clickable[];
}

interface Text {
  type: string;
  text: string;
}
interface Element {
  type: string;
  text?: Text;
  action_id?: string;
  value?: string;
  style?: string;
  confirm?: { title: Text; text: Text };
}
interface Block {
  type: string;
  text?: Text;
  fields?: Text[];
  elements?: (Element & Partial<Text>)[];
  accessory?: Element;
  label?: Text;
}

const SHORT_MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
type Format = Parameters<typeof styleText>[0];

/** The lines of blocks; `numberOf` gives each button its number, else they are numbered from 1. */
export function shownBlocks(
  blocks: readonly unknown[],
  reader: Reader,
  numberOf: ((actionId: string, value: string | undefined) => number) | null = null,
): Shown {
  const clickables: Clickable[] = [];
  const click = (element: Element): string => {
    const label = typeof element.text === 'object' ? element.text.text : (element.action_id ?? '?');
    const number = numberOf?.(element.action_id ?? '', element.value) ?? clickables.length + 1;
    const confirm = element.confirm ? `${element.confirm.title.text} ${plainText(element.confirm.text, reader)}` : null;
    clickables.push({ number, actionId: element.action_id ?? '', value: element.value, label, confirm });
    const format: Format = element.style === 'danger' ? 'red' : element.style === 'primary' ? 'green' : 'white';
    return paint(reader, ['bold', format], `[${number} ${label}]`);
  };
  const lines = (blocks as readonly Block[]).flatMap((block): string[] => {
    switch (block.type) {
      case 'header':
        return [paint(reader, 'bold', block.text?.text ?? '')];
      case 'divider':
        return [paint(reader, 'dim', '─'.repeat(40))];
      case 'section': {
        const body = [
          ...(block.text ? textLines(block.text, reader) : []),
          ...(block.fields ?? []).flatMap((field) => textLines(field, reader)),
        ];
        if (!block.accessory) return body;
        return [`${body[0] ?? ''}  ${click(block.accessory)}`, ...body.slice(1)];
      }
      case 'context': {
        const parts = (block.elements ?? []).map((element) =>
          textLines({ type: element.type, text: String(element.text ?? '') }, reader).join('\n'),
        );
        return parts
          .join('  ')
          .split('\n')
          .map((line) => paint(reader, 'dim', line));
      }
      case 'actions':
        return [(block.elements ?? []).map(click).join(' ')];
      default:
        return [`(${block.type})`];
    }
  });
  return { lines: lines.flatMap((line) => line.split('\n')), clickables };
}

function textLines({ type, text }: Text, reader: Reader): string[] {
  if (type === 'plain_text') return text.split('\n');
  return spansOf(text)
    .map((span) => shownSpan(span, reader))
    .join('')
    .split('\n');
}

function plainText({ type, text }: Text, reader: Reader): string {
  return textLines({ type, text }, { ...reader, hasColours: false }).join(' ');
}

function shownSpan({ text, styles, token }: Span, reader: Reader): string {
  const formats: Format[] = [];
  if (styles.includes('bold')) formats.push('bold');
  if (styles.includes('italic')) formats.push('italic');
  if (styles.includes('strike')) formats.push('strikethrough');
  if (styles.includes('code') || styles.includes('block')) formats.push('cyan');
  let shown = styles.includes('block') ? text.replace(/^\n|\n$/g, '') : text;
  if (token?.kind === 'user') {
    shown = `@${reader.names.get(token.value) ?? token.value}`;
    formats.push('yellow');
  } else if (token?.kind === 'date') shown = dateOf(token.value, text, reader);
  else if (token && token.kind !== 'emoji') formats.push('underline');
  return shown
    .split('\n')
    .map((line) => formats.reduce((painted, format) => paint(reader, format, painted), line))
    .join('\n');
}

/** `1764000000^{date_short_pretty} {time}` by the reader's clock. */
function dateOf(value: string, fallback: string, { timeZone, nowMs }: Reader): string {
  const [seconds = '', format = ''] = value.split('^');
  const at = Number(seconds) * 1000;
  if (!Number.isFinite(at)) return fallback;
  const parts = (ms: number) =>
    Object.fromEntries(
      new Intl.DateTimeFormat('en-GB', {
        timeZone,
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        hourCycle: 'h23',
      })
        .formatToParts(ms)
        .map((part) => [part.type, part.value]),
    );
  const when = parts(at);
  const day = (ms: number) => {
    const { year, month, day: number } = parts(ms);
    return `${year}-${month}-${number}`;
  };
  const named = new Map([
    [day(nowMs), 'today'],
    [day(nowMs + 86_400_000), 'tomorrow'],
    [day(nowMs - 86_400_000), 'yesterday'],
  ]).get(day(at));
  const date = named ?? `${SHORT_MONTHS[Number(when.month) - 1]} ${when.day}, ${when.year}`;
  return format
    .replace('{date_short_pretty}', date)
    .replace('{time_secs}', `${when.hour}:${when.minute}:${when.second}`)
    .replace('{time}', `${when.hour}:${when.minute}`);
}

function paint({ hasColours }: Reader, format: Format, text: string): string {
  return hasColours && text !== '' ? styleText(format, text, { validateStream: false }) : text;
}
