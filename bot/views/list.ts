import type { types } from '@slack/bolt';
import { context, sectionsOf } from './blocks.ts';
import { type Mrkdwn, md } from './mrkdwn.ts';

/** A title with lines below it, as many as have so many characters together; the others are counted. Nothing without lines. */
export function listBlocks(title: Mrkdwn, lines: readonly Mrkdwn[], length: number): types.KnownBlock[] {
  if (lines.length === 0) return [];
  let left = length - title.mrkdwn.length;
  const shown: Mrkdwn[] = [];
  for (const line of lines) {
    left -= line.mrkdwn.length + 1;
    if (left < 0) break;
    shown.push(line);
  }
  const missing = lines.length - shown.length;
  return [
    ...sectionsOf([title, ...shown], Math.ceil(length / 1500) + 1).blocks,
    ...(missing > 0 ? [context(md`and ${missing} more`)] : []),
  ];
}
