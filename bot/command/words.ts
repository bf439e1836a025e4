import { CommandError, type Span } from '../errors.ts';

/** A word of a command. What was quoted is never a keyword. */
export interface Word extends Span {
  text: string;
  quoted: boolean;
}

/** Opening quotes with what closes them; phones write the curved ones by themselves. */
const QUOTES: Readonly<Record<string, string>> = { '"': '"', "'": "'", '“': '”', '„': '“', '‘': '’', '«': '»' };

/** What is pasted with a word and not seen: zero width, direction marks, soft hyphens. */
const UNSEEN = '[\\u00AD\\u200B-\\u200F\\u202A-\\u202E\\u2060-\\u2069\\uFEFF]+';
const UNSEEN_FIRST = new RegExp(`^${UNSEEN}`);
const UNSEEN_LAST = new RegExp(`${UNSEEN}$`);

/** Only in quotes it keeps them. */
export function hasUnseenEnds(text: string): boolean {
  return UNSEEN_FIRST.test(text) || UNSEEN_LAST.test(text);
}

/**
 * The words of a command with their places, for errors that point at one. Separated by spaces or commas; quotes hold a
 * name with spaces together, keep a name from being read as a keyword, and keep what cannot be seen at its ends.
 *
 * | text                  | words                     |
 * |-----------------------|---------------------------|
 * | `high web-1, web-2`   | `high` `web-1` `web-2`    |
 * | `high "web 1"`        | `high` `web 1` (quoted)   |
 * | `cancel “status”`     | `cancel` `status` (quoted)|
 *
 * @throws CommandError for a quote that is not closed
 */
export function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at] as string;
    if (/[\s,]/.test(char)) {
      at += 1;
      continue;
    }
    const close = QUOTES[char];
    if (close !== undefined) {
      const end = text.indexOf(close, at + 1);
      if (end < 0)
        throw new CommandError(`this quote is not closed: write ${close} behind the name`, {
          start: at,
          end: text.length,
        });
      if (end === at + 1) throw new CommandError('there is no name between these quotes', { start: at, end: end + 1 });
      words.push({ text: text.slice(at + 1, end), quoted: true, start: at, end: end + 1 });
      at = end + 1;
      continue;
    }
    let end = at;
    while (end < text.length && !/[\s,]/.test(text[end] as string)) end += 1;
    const word = text.slice(at, end);
    const seen = word.replace(UNSEEN_FIRST, '').replace(UNSEEN_LAST, '');
    const start = at + (UNSEEN_FIRST.exec(word)?.[0].length ?? 0);
    if (seen !== '') words.push({ text: seen, quoted: false, start, end: start + seen.length });
    at = end;
  }
  return words;
}

/** What Slack sends for `&`, `<` and `>` (docs: formatting message text, escaping). */
export function unescapeSlack(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
