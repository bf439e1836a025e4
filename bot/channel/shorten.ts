import type { Content } from './content.ts';

/** How much of a message is sent: all; its head and its buttons; its line of text alone. */
export type Form = 'full' | 'brief' | 'text';

/** Slack's words for a message that it would take if there were less of it (docs.slack.dev, chat.postMessage). */
const TOO_LONG = ['msg_too_long', 'msg_blocks_too_long'];
/** Or where one of its blocks is wrong, and nobody says which. */
const WRONG_BLOCKS = ['invalid_blocks', 'invalid_blocks_format', 'invalid_block_type'];

/** As JSON: Slack refuses about 13,200 characters (`views/blocks.ts`). */
const BRIEF_LENGTH = 5000;
/** Slack cuts text at 40,000 characters, and advises 4,000. */
const TEXT_LENGTH = 3000;
const NOTE = 'shortened: Slack did not take all of it';

/**
 * In which form Slack may take what it did not take in this one; null: in none. Each is tried once.
 *
 * | form  | Slack says            | next  |
 * |-------|-----------------------|-------|
 * | full  | `msg_blocks_too_long` | brief |
 * | full  | `invalid_blocks`      | text  |
 * | brief | either                | text  |
 * | text  | anything              | none  |
 * | full  | `not_in_channel`      | none  |
 */
export function shorterForm(form: Form, code: string): Form | null {
  if (form === 'text' || !(TOO_LONG.includes(code) || WRONG_BLOCKS.includes(code))) return null;
  return form === 'full' && TOO_LONG.includes(code) ? 'brief' : 'text';
}

/** The message in a form. Pure. */
export function inForm({ text, blocks }: Content, form: Form): Content {
  if (form === 'full') return { text, blocks };
  const short = text.length <= TEXT_LENGTH ? text : `${text.slice(0, TEXT_LENGTH - 1).toWellFormed()}…`;
  if (form === 'text') return { text: `${short} (${NOTE})`, blocks: [] };
  return { text: short, blocks: briefBlocks(blocks) };
}

/** What can be clicked at the end stays; of the rest as many as fit, from the head on. */
function briefBlocks(blocks: readonly object[]): object[] {
  const note = { type: 'context', elements: [{ type: 'mrkdwn', text: `_${NOTE}_`, verbatim: true }] };
  const last = blocks.at(-1);
  const tail = last && typeOf(last) === 'actions' ? [note, last] : [note];
  let left = BRIEF_LENGTH - JSON.stringify(tail).length;
  const head: object[] = [];
  for (const block of blocks.slice(0, blocks.length - (tail.length - 1))) {
    left -= JSON.stringify(block).length + 1;
    if (left < 0) break;
    head.push(block);
  }
  return [...head, ...tail];
}

function typeOf(block: object): unknown {
  return 'type' in block ? block.type : null;
}
