import { Priority } from 'drover-plugin/contract';
import { DateTime } from 'luxon';
import { CommandError, type Span } from '../errors.ts';
import type { Command, Request, Target, Wish } from './command.ts';
import { type Clock, readDuration, readMoment } from './moment.ts';
import { hintOf } from './slip.ts';
import { unescapeSlack, type Word, wordsOf } from './words.ts';

/** Nova's limits: names of 255 characters; a host is nova's `fqdn` (nova/api/validation/parameter_types.py). */
const NAME_LENGTH = 255;
const HOST = /^[a-zA-Z0-9-._]{1,255}$/;
const MOST_TARGETS = 100;

/** Words that are never a server's name unless quoted. */
const OPTIONS = ['to', 'by', 'in', 'at'] as const;
type Option = (typeof OPTIONS)[number];

/**
 * What was typed behind `/migrate`. Pure: the same text, clock and zone give the same command.
 *
 * | text                                         | command                                     |
 * |----------------------------------------------|---------------------------------------------|
 * | `high vm-42`                                 | one server, priority high                   |
 * | `low web-1 web-2 db-*`                       | servers and a glob                          |
 * | `vm-42 to compute-3 by 18:00`                | destination and deadline                    |
 * | `vm-42 in 2h`                                | deadline in two hours                       |
 * | `low vm-42 at 02:00`                         | does not start before                       |
 * | `host compute-3 medium`                      | all servers of a host                       |
 * | `plan high vm-42`                            | what would happen                           |
 * | `status`, `status vm-42`, `status all`       |                                             |
 * | `explain vm-42`, `cancel vm-42`, `policy`, `help` |                                        |
 * | `"status"`, `high "my vm"`                   | a server whose name is a keyword, or has spaces |
 *
 * @throws CommandError that points at the word
 */
export function parseCommand(escaped: string, clock: Clock): Command {
  const text = unescapeSlack(escaped);
  const words = wordsOf(text);
  const [first, ...rest] = words;
  if (!first) return { kind: 'help' };
  const end = { start: text.length, end: text.length };
  switch (first.quoted ? '' : first.text.toLowerCase()) {
    case 'help':
    case 'policy':
      nothingMore(rest, `${first.text} takes nothing more: leave this out`);
      return { kind: first.text.toLowerCase() as 'help' | 'policy' };
    case 'status': {
      const [target, ...more] = rest;
      nothingMore(more, 'status takes one server: leave this out, or write status all');
      if (!target) return { kind: 'status', target: null };
      return { kind: 'status', target: isWord(target, 'all') ? 'all' : oneOf(target, 'status') };
    }
    case 'explain':
    case 'cancel': {
      const kind = first.text.toLowerCase() as 'explain' | 'cancel';
      const [target, ...more] = rest;
      if (!target) throw new CommandError(`a server is missing: ${kind} vm-42`, end);
      nothingMore(more, `${kind} takes one server: leave this out, and ask for it by itself`);
      if (kind === 'cancel' && isWord(target, 'all')) {
        throw new CommandError('one server at a time: the message of a request has a button for all of it', target);
      }
      return { kind, target: oneOf(target, kind) };
    }
    case 'plan':
      if (rest.length === 0) throw new CommandError('what should be planned? plan high vm-42', end);
      return { kind: 'plan', request: requestOf(rest, clock, end) };
    default:
      return requestOf(words, clock, end);
  }
}

function requestOf(words: readonly Word[], clock: Clock, end: Span): Request {
  const [first, ...others] = words;
  const drains = first !== undefined && isWord(first, 'host');
  const wish: Wish = { priority: null, destination: null, deadlineAtMs: null, startAtMs: null };
  const seen = new Map<string, Word>();
  const names: Word[] = [];
  const list = drains ? others : words;
  for (let at = 0; at < list.length; ) {
    const word = list[at] as Word;
    const priority = Priority.options.find((each) => isWord(word, each));
    const option = OPTIONS.find((each) => isWord(word, each));
    if (priority) {
      once(seen, 'priority', word);
      wish.priority = priority;
      at += 1;
    } else if (option) {
      once(seen, option === 'in' ? 'by' : option, word);
      at += 1 + readOption(option, word, list.slice(at + 1), clock, wish);
    } else {
      names.push(word);
      at += 1;
    }
  }
  if (wish.deadlineAtMs !== null && wish.startAtMs !== null && wish.deadlineAtMs <= wish.startAtMs) {
    throw new CommandError(endsFirst(wish.startAtMs, wish.deadlineAtMs, clock), seen.get('by') ?? end);
  }
  if (!drains) return { kind: 'migrate', targets: targetsOf(names, end), ...wish };
  const host = hostNamed(names, first, end);
  if (wish.destination === host) throw new CommandError('it cannot be drained to itself', seen.get('to') ?? end);
  return { kind: 'drain', host, ...wish };
}

/** Gives how many of the words behind it the option took. */
function readOption(option: Option, word: Word, rest: readonly Word[], clock: Clock, wish: Wish): number {
  if (option === 'to') {
    const [host] = rest;
    if (!host || OPTIONS.some((each) => isWord(host, each))) {
      throw new CommandError('a host is missing here: to compute-3', word);
    }
    wish.destination = hostOf(host);
    return 1;
  }
  const read = option === 'in' ? readDuration(rest, clock, word) : readMoment(rest, clock, word);
  if (option === 'at') wish.startAtMs = read.atMs;
  else wish.deadlineAtMs = read.atMs;
  return read.taken;
}

const SAID: Readonly<Record<string, string>> = {
  by: 'a deadline is given before (by a time, or in so many hours)',
  to: 'a destination is given before',
  at: 'a start is given before',
};

function once(seen: Map<string, Word>, what: string, word: Word): void {
  const before = seen.get(what);
  if (before) {
    const said = SAID[what] ?? `priority ${before.text.toLowerCase()} is given before`;
    throw new CommandError(`${said}: only one is possible, leave one out`, word);
  }
  seen.set(what, word);
}

function endsFirst(startAtMs: number, deadlineAtMs: number, { timeZone }: Clock): string {
  const [start, deadline] = [startAtMs, deadlineAtMs].map((ms) =>
    DateTime.fromMillis(ms, { zone: timeZone }).toFormat('yyyy-MM-dd HH:mm'),
  );
  return `the deadline, ${deadline}, is not after the start, ${start}: write a later one, with its day`;
}

function hostNamed(names: readonly Word[], first: Word, end: Span): string {
  const [host, ...more] = names;
  if (!host) throw new CommandError('which host? host compute-3 medium', first.end === end.end ? end : first);
  if (more[0]) {
    const hint = hintOf(more[0].text, [...Priority.options, ...OPTIONS]);
    throw new CommandError(`one host at a time: host compute-3 medium${hint}`, more[0]);
  }
  return hostOf(host);
}

function hostOf(word: Word): string {
  if (!HOST.test(word.text)) throw new CommandError('this cannot be the name of a compute host', word);
  return word.text;
}

function targetsOf(names: readonly Word[], end: Span): Target[] {
  if (names.length === 0) throw new CommandError('which servers? high vm-42, low web-1 db-*', end);
  if (names.length > MOST_TARGETS) {
    throw new CommandError(`more than ${MOST_TARGETS} names: use a pattern, as web-*`, names[MOST_TARGETS] as Word);
  }
  const patterns = new Map<string, Target>();
  for (const word of names) {
    const pattern = nameOf(word);
    if (/^\*+$/.test(pattern) && !word.quoted) {
      throw new CommandError(
        'this would be every server there is: name a prefix, as web-*, or drain a host: host compute-3',
        word,
      );
    }
    patterns.set(pattern, { pattern, isGlob: !word.quoted && /[*?]/.test(pattern) });
  }
  return [...patterns.values()];
}

/**
 * The servers that a list of names and patterns means, as it stands in a field by itself: `high` is a name there.
 *
 * @throws CommandError
 */
export function readTargets(text: string): Target[] {
  return targetsOf(wordsOf(text), { start: text.length, end: text.length });
}

function nameOf(word: Word): string {
  if (word.text.length > NAME_LENGTH) throw new CommandError(`a name has at most ${NAME_LENGTH} characters`, word);
  return word.text;
}

/** A name where a pattern could mean several. */
function oneOf(word: Word, kind: string): string {
  if (!word.quoted && /[*?]/.test(word.text)) {
    throw new CommandError(`${kind} takes one server, no pattern: write its name`, word);
  }
  return nameOf(word);
}

function nothingMore([word]: readonly Word[], text: string): void {
  if (word) throw new CommandError(text, word);
}

function isWord(word: Word, keyword: string): boolean {
  return !word.quoted && word.text.toLowerCase() === keyword;
}
