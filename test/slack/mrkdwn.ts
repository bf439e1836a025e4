/**
 * Slack's text format as its clients read it (docs.slack.dev/messaging/formatting-message-text), for tests and for the
 * terminal. In doubt it formats: what this takes for plain text no client formats.
 */

export type Style = 'bold' | 'italic' | 'strike' | 'code' | 'quote' | 'block';

export interface Span {
  text: string;
  styles: Style[];
  /** A mention, link, date or picture; null: only text. */
  token: { kind: 'user' | 'group' | 'channel' | 'everybody' | 'date' | 'link' | 'emoji'; value: string } | null;
}

const MARKS: Readonly<Record<string, Style>> = { '*': 'bold', _: 'italic', '~': 'strike' };
/** A word goes on here, so a mark formats nothing: snake_case. */
const WITHIN_WORD = /[A-Za-z0-9]/;

/** Spans of a text, in order; `isCode`: no formatting inside but in tokens. */
export function spansOf(text: string, base: readonly Style[] = []): Span[] {
  const spans: Span[] = [];
  let plain = '';
  const flush = () => {
    if (plain !== '') spans.push({ text: decode(plain), styles: [...base], token: null });
    plain = '';
  };
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    const isLineStart = at === 0 || text[at - 1] === '\n';
    const quote = isLineStart && !base.includes('quote') ? /^(?:\s*(?:&gt;|>))+([^\n]*)/.exec(rest) : null;
    const block = /^```([\s\S]+?)```/.exec(rest);
    const inline = /^`([^`\n]+)`/.exec(rest);
    const token = /^<([^<>\n]+)>/.exec(rest);
    const emoji = /^:([^\s:`]+):/.exec(rest);
    const marked = markedAt(text, at);
    if (quote) {
      flush();
      spans.push(...spansOf(quote[1] ?? '', [...base, 'quote']));
      at += quote[0].length;
    } else if (block) {
      flush();
      spans.push({ text: decode(block[1] ?? ''), styles: [...base, 'block'], token: null });
      at += block[0].length;
    } else if (inline) {
      flush();
      spans.push({ text: decode(inline[1] ?? ''), styles: [...base, 'code'], token: null });
      at += inline[0].length;
    } else if (token) {
      flush();
      spans.push({ ...tokenOf(token[1] ?? ''), styles: [...base] });
      at += token[0].length;
    } else if (emoji) {
      flush();
      spans.push({ text: emoji[0], styles: [...base], token: { kind: 'emoji', value: emoji[1] ?? '' } });
      at += emoji[0].length;
    } else if (marked) {
      flush();
      spans.push(...spansOf(marked.inner, [...base, marked.style]));
      at += marked.inner.length + 2;
    } else {
      plain += text[at];
      at += 1;
    }
  }
  flush();
  return spans;
}

/** A pair of marks that begins here: text between them on one line, no letter outside them. */
function markedAt(text: string, at: number): { inner: string; style: Style } | null {
  const mark = text[at] as string;
  const style = MARKS[mark];
  if (!style || WITHIN_WORD.test(text[at - 1] ?? ' ')) return null;
  let end = at;
  for (;;) {
    end = text.indexOf(mark, end + 1);
    if (end < 0 || text.slice(at, end).includes('\n')) return null;
    const inner = text.slice(at + 1, end);
    if (inner !== '' && !isInCode(inner) && !WITHIN_WORD.test(text[end + 1] ?? ' ')) return { inner, style };
  }
}

/** The mark stands in a code span that began behind the first one. */
function isInCode(inner: string): boolean {
  return (inner.match(/`/g) ?? []).length % 2 === 1;
}

function tokenOf(inside: string): Pick<Span, 'text' | 'token'> {
  const bar = inside.indexOf('|');
  const [value, label] = bar < 0 ? [inside, null] : [inside.slice(0, bar), inside.slice(bar + 1)];
  const text = decode(label ?? value);
  if (value.startsWith('@')) return { text: label ?? value, token: { kind: 'user', value: value.slice(1) } };
  if (value.startsWith('#')) return { text: label ?? value, token: { kind: 'channel', value: value.slice(1) } };
  if (value.startsWith('!subteam^')) return { text, token: { kind: 'group', value: value.slice(9) } };
  if (value.startsWith('!date^')) return { text, token: { kind: 'date', value: value.slice(6) } };
  if (value.startsWith('!')) return { text, token: { kind: 'everybody', value: value.slice(1) } };
  return { text, token: { kind: 'link', value } };
}

function decode(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

/** What makes a text read otherwise than it is stored: bidi controls, and right-to-left letters that nothing sets apart. */
export function turnsText(text: string): boolean {
  let outside = text;
  for (let before = ''; before !== outside; ) {
    before = outside;
    // What is in an isolate that is closed turns only itself.
    outside = outside.replace(/\u2068[^\u2066-\u2069]*\u2069/gu, '');
  }
  const isTurning =
    /[\u202A-\u202E\u2066-\u2069\u200E\u200F\u061C]|[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC]|[\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;
  const inside = [...text.matchAll(/\u2068([^\u2066-\u2069]*)\u2069/gu)].map(([, each]) => each ?? '').join('');
  return isTurning.test(outside) || /[\u202A-\u202E\u200E\u200F\u061C]/u.test(inside);
}
