import type { types } from '@slack/bolt';
import { cutShort, plainForeign } from './inert.ts';
import type { Mrkdwn } from './mrkdwn.ts';

/** What is posted. `text` says it all in one line, for notifications and for those who listen to it. */
export interface Message {
  text: string;
  blocks: types.KnownBlock[];
}

/** Slack's limits (docs.slack.dev/reference/block-kit). */
export const MOST_BLOCKS = 50;
export const SECTION_LENGTH = 3000;
const FALLBACK_LENGTH = 600;

/** Text of ours in which foreign parts have gone through `plainForeign`. */
export function plain(text: string): types.PlainTextElement {
  return { type: 'plain_text', text, emoji: true };
}

/** Text with foreign parts. */
export function foreignPlain(text: string, most: number): types.PlainTextElement {
  return { type: 'plain_text', text: plainForeign(text, most), emoji: false };
}

/** `verbatim`: nothing in it becomes a link or a mention by itself. */
export function text({ mrkdwn }: Mrkdwn): { type: 'mrkdwn'; text: string; verbatim: true } {
  return { type: 'mrkdwn', text: mrkdwn.trim() === '' ? '–' : mrkdwn, verbatim: true };
}

export function section(content: Mrkdwn, accessory?: types.SectionBlock['accessory']): types.SectionBlock {
  return { type: 'section', text: text(content), ...(accessory ? { accessory } : {}) };
}

export function context(...contents: Mrkdwn[]): types.ContextBlock {
  return { type: 'context', elements: contents.map(text) };
}

export function header(content: string): types.HeaderBlock {
  return { type: 'header', text: foreignPlain(content, 150) };
}

export function divider(): types.KnownBlock {
  return { type: 'divider' };
}

export interface ButtonWords {
  label: string;
  actionId: string;
  value?: string;
  style?: 'primary' | 'danger';
  /** `text` may have foreign names in it. */
  confirm?: { title: string; text: string; yes: string; no: string; danger?: boolean };
}

export function button({ label, actionId, value, style, confirm }: ButtonWords): types.Button {
  return {
    type: 'button',
    text: foreignPlain(label, 75),
    action_id: actionId,
    ...(value === undefined ? {} : { value }),
    ...(style ? { style } : {}),
    ...(confirm
      ? {
          confirm: {
            title: plain(confirm.title),
            text: foreignPlain(confirm.text, 300),
            confirm: plain(confirm.yes),
            deny: plain(confirm.no),
            ...(confirm.danger ? { style: 'danger' as const } : {}),
          },
        }
      : {}),
  };
}

/** Null where there is nothing to click: Slack takes no empty row. */
export function actions(blockId: string, buttons: readonly types.Button[]): types.ActionsBlock[] {
  return buttons.length === 0 ? [] : [{ type: 'actions', block_id: blockId, elements: [...buttons] }];
}

/**
 * What the blocks of a message have room for, as JSON: Slack refuses more than about 13,200 characters, containers counted
 * too, with `msg_blocks_too_long` (slackapi/bolt-js#2509, #2867; not in its reference).
 */
export const MOST_TEXT = 12_800;

export function textLength(blocks: readonly object[]): number {
  return JSON.stringify(blocks).length;
}

/** Lines as few sections as their length allows; those beyond `most` sections are left out and counted. */
export function sectionsOf(lines: readonly Mrkdwn[], most: number): { blocks: types.SectionBlock[]; leftOut: number } {
  const blocks: types.SectionBlock[] = [];
  let open: string[] = [];
  let length = 0;
  let shown = 0;
  const close = () => {
    if (open.length > 0) blocks.push(section({ mrkdwn: open.join('\n') }));
    open = [];
    length = 0;
  };
  for (const line of lines) {
    const mrkdwn = cutMrkdwn(line.mrkdwn, SECTION_LENGTH);
    if (length + mrkdwn.length + 1 > SECTION_LENGTH) close();
    if (blocks.length >= most) break;
    open.push(mrkdwn);
    length += mrkdwn.length + 1;
    shown += 1;
  }
  if (blocks.length < most) close();
  return { blocks, leftOut: lines.length - shown };
}

/** One line of fallback text from mrkdwn of ours. */
export function message(fallback: Mrkdwn, blocks: readonly types.KnownBlock[]): Message {
  // A reason may be empty, and Slack's clients notify with nothing then.
  const line = fallback.mrkdwn.trim() === '' ? '–' : fallback.mrkdwn;
  return { text: cutMrkdwn(line, FALLBACK_LENGTH), blocks: [...blocks] };
}

/** Not through an entity or a mention: what is cut off there would be read as text. */
function cutMrkdwn(line: string, most: number): string {
  if (line.length <= most) return line;
  const cut = cutShort(line, most - 2).replace(/(<[^>]*|&[a-z]*)…$/, '…');
  const ticks = cut.split('`').length - 1;
  const isolates = cut.split('\u2068').length - cut.split('\u2069').length;
  return `${cut}${isolates > 0 ? '\u2069' : ''}${ticks % 2 === 1 ? '`' : ''}`;
}
