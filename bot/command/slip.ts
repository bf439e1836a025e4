import { Priority } from 'drover-plugin/contract';
import type { Span } from '../errors.ts';
import { nearestNames } from '../targets/nearest.ts';
import { unescapeSlack, type Word, wordsOf } from './words.ts';

/** A word that was read as a server's name, and was probably meant for something else. */
export interface Slip {
  /** As it was written. */
  written: string;
  /** What it was probably meant for; null: it says nothing here; the same as written: but for its quotes. */
  meant: string | null;
  /** In the text behind `/migrate`, unescaped. */
  span: Span;
}

const COMMANDS = ['help', 'policy', 'status', 'explain', 'cancel', 'plan', 'host'];
const WHEN = ['by', 'in', 'at'];
/** What people write, too, by what the language has for it; null: it goes without saying. */
const OTHERS: Readonly<Record<string, string | null>> = {
  ...{ urgent: 'high', asap: 'high', normal: 'medium' },
  ...{ until: 'by', before: 'by', after: 'at', from: 'at', within: 'in' },
  ...{ on: 'to', onto: 'to', into: 'to', '->': 'to', '=>': 'to', '→': 'to' },
  ...{ drain: 'host', abort: 'cancel', stop: 'cancel', queue: 'status', list: 'status' },
  ...{ now: null, move: null, migrate: null, '/migrate': null, please: null, and: null },
  ...{ priority: null, prio: null, server: null, servers: null, vm: null, the: null },
};
const TIME = /^\d|^to(day|morrow)$/i;

/**
 * The first word that is nearly one of the language and stands where that could stand. Any word may be a server's name,
 * so only those are looked at of which it is known that no server is called so. Pure.
 *
 * | text                 | no server is called | slip               |
 * |----------------------|---------------------|--------------------|
 * | `hgh vm-2`           | `hgh`               | `hgh`: high        |
 * | `vm-2 medum`         | `medum`             | `medum`: medium    |
 * | `statsu`             | `statsu`            | `statsu`: status   |
 * | `vm-2 ot compute-3`  | `ot`, `compute-3`   | `ot`: to           |
 * | `vm-2 bye 18:00`     | `bye`, `18:00`      | `bye`: by          |
 * | `urgent vm-2`        | `urgent`            | `urgent`: high     |
 * | `vm-2 now`           | `now`               | `now`: nothing     |
 * | `vm-2 statsu`        | `statsu`            | none: no place for it |
 * | `“high” vm-2`        | `high`              | `high`: high, without quotes |
 */
export function slipOf(escaped: string, unknown: readonly string[]): Slip | null {
  const words = wordsOf(unescapeSlack(escaped));
  const isPlan = words[0] !== undefined && isKeyword(words[0], 'plan');
  for (const [index, word] of words.entries()) {
    if (!unknown.includes(word.text)) continue;
    const possible = possibleAt(index, words, isPlan);
    const meant = word.quoted
      ? possible.find((keyword) => keyword === word.text.toLowerCase())
      : meantBy(word.text, possible);
    if (meant !== undefined) return { written: word.text, meant, span: { start: word.start, end: word.end } };
  }
  return null;
}

function meantBy(written: string, possible: readonly string[]): string | null | undefined {
  const other = Object.hasOwn(OTHERS, written.toLowerCase()) ? OTHERS[written.toLowerCase()] : undefined;
  if (other === null || (other !== undefined && possible.includes(other))) return other;
  return nearestNames(
    written,
    possible.filter((keyword) => keyword !== written.toLowerCase()),
    1,
  )[0];
}

/** Words of the language that could stand there. */
function possibleAt(index: number, words: readonly Word[], isPlan: boolean): string[] {
  const next = words[index + 1];
  return [
    ...Priority.options,
    ...(index === 0 ? COMMANDS : []),
    ...(index === 1 && isPlan ? ['host'] : []),
    ...(index > 0 && next ? ['to'] : []),
    ...(index > 0 && next && TIME.test(next.text) ? WHEN : []),
  ];
}

function isKeyword({ text, quoted }: Word, keyword: string): boolean {
  return !quoted && text.toLowerCase() === keyword;
}

/** A word of a few that was probably meant, as the end of a message: `; did you mean medium?`, or nothing. */
export function hintOf(written: string, words: Iterable<string>): string {
  const [meant] = nearestNames(written, words, 1);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}
