/**
 * Foreign text (names, reasons, what somebody typed) made harmless before it is shown in Slack. What cannot be seen is
 * shown as `�`, so that two names that look the same are told apart; text that runs from right to left is put in an
 * isolate (Unicode Standard Annex 9, 2.7), so that it cannot turn what stands beside it.
 */

const REPLACEMENT = '\uFFFD';
/** Picture or text: how an emoji is drawn, no character of its own. */
const VARIATION_SELECTORS = /[\uFE00-\uFE0F]/gu;
/** Controls, format characters (zero width, bidi), surrogates, private use, line separators, and blanks that are letters. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{DI}\u2800]/gu;
const LINE_BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/gu;
const SPACES = /\p{Zs}/gu;
/** Letters need two at most; more would cover the lines above and below. */
const PILED_MARKS = /(\p{M}{2})\p{M}+/gu;
/** Strong right-to-left: bidi classes R and AL lie in these blocks (UCD, DerivedBidiClass.txt). */
const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFF\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;
const LETTERS = new Intl.Segmenter('en', { granularity: 'grapheme' });
const ISOLATE = { first: '\u2068', pop: '\u2069' };

/** What it looks like on one line. */
export function oneLine(foreign: string): string {
  return foreign
    .toWellFormed()
    .replace(LINE_BREAKS, ' ')
    .replace(VARIATION_SELECTORS, '')
    .replace(UNSEEN, REPLACEMENT)
    .replace(SPACES, ' ')
    .replace(PILED_MARKS, '$1');
}

/** A name on one line; never empty, for Slack takes no empty text, and no blanks at its ends. */
export function oneName(foreign: string): string {
  const name = oneLine(foreign).trim();
  return name === '' ? REPLACEMENT : name;
}

/** At most so many UTF-16 units, cut in the middle: of servers' names the end tells them apart. */
export function clipped(line: string, most: number): string {
  if (line.length <= most) return line;
  const tail = Math.floor((most - 1) / 3);
  const letters = lettersOf(line);
  return `${fitting(letters, most - 1 - tail)}…${fitting(letters.reverse(), tail, 'end')}`;
}

/** So much of the text as fits, cut at its end. */
export function cutShort(line: string, most: number): string {
  if (line.length <= most) return line;
  const letters = lettersOf(line);
  return `${fitting(letters, most - 1).trimEnd()}…`;
}

/** What a reader takes for one letter; of plain ASCII each unit, which takes no looking up. */
function lettersOf(line: string): string[] {
  return /^[ -~]*$/.test(line) ? line.split('') : [...LETTERS.segment(line)].map(({ segment }) => segment);
}

function fitting(letters: readonly string[], most: number, from: 'start' | 'end' = 'start'): string {
  let text = '';
  for (const letter of letters) {
    if (text.length + letter.length > most) break;
    text = from === 'start' ? text + letter : letter + text;
  }
  return text;
}

/** Sets text that runs from right to left apart from what stands beside it. */
export function isolated(line: string): string {
  return RIGHT_TO_LEFT.test(line) ? `${ISOLATE.first}${line}${ISOLATE.pop}` : line;
}

/**
 * For objects of type `plain_text`: nothing is formatted there, but `:name:` becomes a picture, and what some client
 * decodes must not become a mention.
 */
export function plainForeign(foreign: string, most: number): string {
  const room = RIGHT_TO_LEFT.test(foreign) ? most - 2 : most;
  return isolated(cutShort(noPicture(oneName(foreign)).replaceAll('<', '‹').replaceAll('>', '›'), room));
}

/**
 * `:smile:` with another colon: a picture could pass for one of ours. Every colon but one before a blank, for what opens
 * or closes the name may be ours: `smile:` behind our `:`.
 */
export function noPicture(line: string): string {
  return line.replace(/:(?!\s)/g, '\uA789');
}
