/**
 * Slack's text format (docs.slack.dev/messaging/formatting-message-text), made so that foreign text cannot get in
 * unescaped: a string is foreign until `md` or `code` has made `Mrkdwn` of it.
 *
 * Slack has no escape but for `&`, `<` and `>`. So names stand in code spans, where nothing is formatted, and in prose the
 * characters that format are shown as ones that look the same.
 */
import { clipped, cutShort, isolated, noPicture, oneLine, oneName } from './inert.ts';

export interface Mrkdwn {
  readonly mrkdwn: string;
}

/** A server's or host's name is cut to this, so that a line stays a line. */
export const NAME_LENGTH = 40;
const PROSE_LENGTH = 300;

/**
 * Template of our own text: what is interpolated as a string is foreign and escaped, `Mrkdwn` is taken as it is.
 *
 *     md`*Moving* ${code(name)}: ${reason.text}`
 */
export function md(texts: TemplateStringsArray, ...values: (string | number | Mrkdwn)[]): Mrkdwn {
  const parts = values.map((value) => (typeof value === 'object' ? value.mrkdwn : prose(String(value)).mrkdwn));
  return { mrkdwn: texts.map((text, index) => text + (parts[index] ?? '')).join('') };
}

export function joined(parts: readonly Mrkdwn[], separator: string): Mrkdwn {
  return { mrkdwn: parts.map(({ mrkdwn }) => mrkdwn).join(separator) };
}

/** A name, as it is but for what cannot be seen: `web-1`. */
export function code(name: string, most = NAME_LENGTH): Mrkdwn {
  const shown = within(most, (length) => isolated(entities(clipped(noTick(oneName(name)), length))));
  return { mrkdwn: `\`${shown}\`` };
}

/** Lines of fixed width, at most so many units of the format together. */
export function preformatted(lines: readonly string[], most = 2900): Mrkdwn {
  const shown: string[] = [];
  let left = most - 8;
  for (const line of lines) {
    const escaped = isolated(entities(noTick(fixedWidth(line))));
    left -= escaped.length + 1;
    if (left < 0) {
      shown.push('…');
      break;
    }
    shown.push(escaped);
  }
  return { mrkdwn: `\`\`\`\n${shown.join('\n')}\n\`\`\`` };
}

/** A sentence that somebody else wrote, on one line. */
export function prose(text: string, most = PROSE_LENGTH): Mrkdwn {
  return { mrkdwn: within(most, (length) => isolated(entities(inProse(cutShort(oneLine(text), length))))) };
}

/** What formats is shown by what looks the same. */
function inProse(line: string): string {
  return (
    noTick(noPicture(line))
      .replaceAll('*', '∗')
      .replaceAll('~', '∼')
      // Within a word it formats nothing: live_migration_permit_post_copy.
      .replace(/(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, 'ˍ')
      // At the beginning of a line Slack makes a quotation of it, escaped or not.
      .replace(/^(\s*>)+/, (quotes) => quotes.replaceAll('>', '›'))
  );
}

/** So many characters of the text that it takes at most twice as many when it is escaped: `&` takes five. */
function within(most: number, write: (length: number) => string): string {
  let length = most;
  let text = write(length);
  while (text.length > 2 * most && length > 1) {
    length = Math.floor(length * 0.7);
    text = write(length);
  }
  return text;
}

/** Names people: Slack shows their name, and tells them where it is sent to all. */
export function mention(userId: string): Mrkdwn {
  return /^[UW][A-Z0-9]+$/.test(userId) ? { mrkdwn: `<@${userId}>` } : code(userId);
}

export function groupMention(groupId: string): Mrkdwn {
  return /^S[A-Z0-9]+$/.test(groupId) ? { mrkdwn: `<!subteam^${groupId}>` } : code(groupId);
}

/**
 * A moment in the reader's own time zone. `near`: only the time of day if it is today; what follows `|` is for clients
 * that cannot.
 */
export function moment(atMs: number, form: 'time' | 'day-and-time' | 'seconds' = 'day-and-time'): Mrkdwn {
  const iso = new Date(atMs).toISOString();
  const utc = `${iso.slice(0, 10)} ${iso.slice(11, form === 'seconds' ? 19 : 16)} UTC`;
  const token = { time: '{time}', 'day-and-time': '{date_short_pretty} {time}', seconds: '{time_secs}' }[form];
  return { mrkdwn: `<!date^${Math.floor(atMs / 1000)}^${token}|${utc}>` };
}

/** Letters that Slack decodes again (docs: escaping text). */
function entities(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function noTick(line: string): string {
  return line.replaceAll('`', 'ˋ');
}

/** Keeps the spaces at the beginning: they point at something. */
function fixedWidth(line: string): string {
  const [indent = ''] = /^ */.exec(line) ?? [];
  const rest = line.slice(indent.length);
  return rest === '' ? indent : indent + oneLine(rest);
}
