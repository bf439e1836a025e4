import type { CommandError } from '../errors.ts';
import { unescapeSlack } from './words.ts';

/**
 * The text with the place of the mistake below it, for a block of fixed width:
 *
 *     /migrate low vm-42 at 25:00
 *                           ^^^^^ this is no time: a time is 18:00, ...
 */
export function pointAt(escaped: string, { message, span }: Pick<CommandError, 'message' | 'span'>): string {
  const line = `/migrate ${unescapeSlack(escaped).replace(/\s/g, ' ')}`;
  const width = Math.max(1, span.end - span.start);
  return `${line}\n${' '.repeat('/migrate '.length + span.start)}${'^'.repeat(width)} ${message}`;
}
