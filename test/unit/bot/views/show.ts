import type { Message } from '../../../../bot/views/blocks.ts';
import { faultsOf, MessageBlocks, MessageText, View } from '../../../slack/limits.ts';
import { type Span, spansOf, turnsText } from '../../../slack/mrkdwn.ts';

/** Every text object of a message or view, in order. */
export function textsOf(value: unknown): { type: string; text: string }[] {
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value !== 'object' || value === null) return [];
  const { type, text } = value as { type?: unknown; text?: unknown };
  if ((type === 'mrkdwn' || type === 'plain_text') && typeof text === 'string') return [{ type, text }];
  return Object.values(value).flatMap(textsOf);
}

/** What is read, formatting left out. */
export function readable(value: unknown): string {
  return textsOf(value)
    .map(({ type, text }) =>
      type === 'mrkdwn'
        ? spansOf(text)
            .map((span) => span.text)
            .join('')
        : text,
    )
    .join('\n');
}

/** What of it formats, names somebody or turns text. */
export interface Shape {
  /** Kinds and values of mentions, links, dates and pictures. */
  tokens: Set<string>;
  /** Combinations of styles. */
  styles: Set<string>;
  /** The words that are set in bold or italics. */
  stressed: Set<string>;
  isTurned: boolean;
}

export function shapeOf(value: unknown): Shape {
  const texts = textsOf(value);
  const { text } = value as { text?: unknown };
  if (typeof text === 'string') texts.push({ type: 'mrkdwn', text });
  const formatted = texts.filter(({ type }) => type === 'mrkdwn').flatMap((each) => spansOf(each.text));
  // A plain text has no styles, but some client may see a picture or a mention in it.
  const plain = texts.filter(({ type }) => type === 'plain_text').flatMap((each) => spansOf(each.text));
  return {
    tokens: new Set([...formatted, ...plain].flatMap(({ token }) => (token ? [`${token.kind} ${token.value}`] : []))),
    styles: new Set(formatted.map(({ styles }) => styles.join('+'))),
    stressed: new Set(formatted.flatMap((span) => (isStressed(span) ? [span.text] : []))),
    isTurned: texts.some((each) => turnsText(each.text)),
  };
}

function isStressed({ styles, token }: Span): boolean {
  return token === null && (styles.includes('bold') || styles.includes('italic')) && !styles.includes('code');
}

/** What foreign text has made of it: the same with other words in it must have the same shape. */
export function changedShape(hostile: Shape, harmless: Shape): string[] {
  const beyond = (name: 'tokens' | 'styles' | 'stressed') =>
    [...hostile[name]].filter((each) => !harmless[name].has(each)).map((each) => `${name}: ${each}`);
  return [...beyond('tokens'), ...beyond('styles'), ...beyond('stressed'), ...(hostile.isTurned ? ['turned'] : [])];
}

/** What Slack would refuse, and a fallback of several lines. */
export function messageFaults({ text, blocks }: Message): string[] {
  return [
    ...faultsOf(MessageText, text),
    ...faultsOf(MessageBlocks, blocks),
    ...(text === '' || text.includes('\n') ? ['the fallback is not one line'] : []),
  ];
}

export function viewFaults(view: { blocks: unknown[] }): string[] {
  return faultsOf(View, view);
}
