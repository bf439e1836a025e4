import { type Message, message, sectionsOf } from './blocks.ts';
import { code, type Mrkdwn, md, mention, prose } from './mrkdwn.ts';

/** Something that happened to an ask; nothing in it is escaped. */
export interface ThreadLine {
  /** Name of the server; null: all of the ask. */
  vm: string | null;
  text: string;
  /** Slack user who did it; null: nobody in Slack. */
  by: string | null;
}

/** States of the contract at the beginning of a line, and how they are marked: what ends is found at a glance. */
const MARKS: Readonly<Record<string, string>> = {
  completed: '✅',
  failed: '❌',
  aborted: '🚫',
  'post-copy': '⚡',
  switching: '⚡',
  running: '🚚',
};

/** What happened since the last post, in the thread below the ask's message. */
export function threadMessage(lines: readonly ThreadLine[]): Message {
  const shown = lines.map(lineOf);
  const { blocks, leftOut } = sectionsOf(shown, 3);
  const more = leftOut > 0 ? sectionsOf([md`and ${leftOut} more`], 1).blocks : [];
  const [first = md`–`] = shown;
  const fallback = shown.length > 1 ? md`${first} (and ${shown.length - 1} more)` : first;
  return message(fallback, [...blocks, ...more]);
}

function lineOf({ vm, text, by }: ThreadLine): Mrkdwn {
  const [, state = '', rest = ''] = /^([a-z-]+): (.*)$/s.exec(text) ?? [];
  const mark = MARKS[state];
  const what = mark
    ? md`${mark} ${vm === null ? '' : code(vm)} ${prose(rest === state ? state : `${state}: ${rest}`)}`
    : null;
  const who = by === null ? md`` : md` by ${mention(by)}`;
  if (what) return md`${what}${who}`;
  return vm === null ? md`• ${prose(text)}${who}` : md`• ${code(vm)} ${prose(text)}${who}`;
}
