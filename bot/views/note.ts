import type { types } from '@slack/bolt';
import { context } from './blocks.ts';
import { joined, md, prose } from './mrkdwn.ts';

const MOST_NOTES = 8;

/** What of it is left out, to the end: a host is not empty because all that could move has moved. */
export function noteBlocks(note: string | null): types.KnownBlock[] {
  const lines = (note ?? '').split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) return [];
  const more = lines.length > MOST_NOTES ? [md`and ${lines.length - MOST_NOTES} more`] : [];
  const shown = lines.slice(0, MOST_NOTES).map((line) => md`⚠️ ${prose(line, 200)}`);
  return [context(joined([...shown, ...more], '\n'))];
}
