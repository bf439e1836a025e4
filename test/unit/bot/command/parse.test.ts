import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Command } from '../../../../bot/command/command.ts';
import { pointAt } from '../../../../bot/command/mistake.ts';
import { parseCommand } from '../../../../bot/command/parse.ts';
import { CommandError } from '../../../../bot/errors.ts';

/** 17:30 in Berlin (UTC+1). */
const CLOCK = { nowMs: Date.parse('2026-11-24T16:30:00Z'), timeZone: 'Europe/Berlin' };
const HOUR = 3_600_000;

function parse(text: string): Command {
  return parseCommand(text, CLOCK);
}

function mistake(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof CommandError) return pointAt(text, error);
    throw error;
  }
  throw new Error(`${text} was understood`);
}

const wish = { priority: null, destination: null, deadlineAtMs: null, startAtMs: null };
const one = (pattern: string, more: object = {}) => ({
  kind: 'migrate',
  targets: [{ pattern, isGlob: false }],
  ...wish,
  ...more,
});

describe('what is typed behind /migrate', () => {
  it.each<[string, unknown]>([
    ['', { kind: 'help' }],
    ['help', { kind: 'help' }],
    ['POLICY', { kind: 'policy' }],
    ['vm-42', one('vm-42')],
    ['high vm-42', one('vm-42', { priority: 'high' })],
    ['vm-42 HIGH', one('vm-42', { priority: 'high' })],
    ['vm-42 to compute-3', one('vm-42', { destination: 'compute-3' })],
    ['vm-42 by 18:00', one('vm-42', { deadlineAtMs: Date.parse('2026-11-24T17:00Z') })],
    ['vm-42 by 17:00', one('vm-42', { deadlineAtMs: Date.parse('2026-11-25T16:00Z') })],
    ['vm-42 by 18:00 UTC', one('vm-42', { deadlineAtMs: Date.parse('2026-11-24T18:00Z') })],
    ['vm-42 by tomorrow 6:00', one('vm-42', { deadlineAtMs: Date.parse('2026-11-25T05:00Z') })],
    ['vm-42 by 6:00 tomorrow', one('vm-42', { deadlineAtMs: Date.parse('2026-11-25T05:00Z') })],
    ['vm-42 by 6:00 tomorrow UTC', one('vm-42', { deadlineAtMs: Date.parse('2026-11-25T06:00Z') })],
    ['vm-42 by 2026-12-01 06:00 Asia/Colombo', one('vm-42', { deadlineAtMs: Date.parse('2026-12-01T00:30Z') })],
    ['vm-42 by 2026-12-01T06:00+05:30', one('vm-42', { deadlineAtMs: Date.parse('2026-12-01T00:30Z') })],
    ['vm-42 in 2h', one('vm-42', { deadlineAtMs: CLOCK.nowMs + 2 * HOUR })],
    ['vm-42 in 90 minutes', one('vm-42', { deadlineAtMs: CLOCK.nowMs + 1.5 * HOUR })],
    [
      'low vm-42 at 02:00 in 1d',
      one('vm-42', {
        priority: 'low',
        startAtMs: Date.parse('2026-11-25T01:00Z'),
        deadlineAtMs: CLOCK.nowMs + 24 * HOUR,
      }),
    ],
    ['host compute-3 medium', { kind: 'drain', host: 'compute-3', ...wish, priority: 'medium' }],
    ['status', { kind: 'status', target: null }],
    ['status all', { kind: 'status', target: 'all' }],
    ['status "all"', { kind: 'status', target: 'all' }],
    ['explain vm-42', { kind: 'explain', target: 'vm-42' }],
    ['cancel vm-42', { kind: 'cancel', target: 'vm-42' }],
    ['plan high vm-42', { kind: 'plan', request: one('vm-42', { priority: 'high' }) }],
    ['“status”', one('status')],
    ["high 'my vm'", one('my vm', { priority: 'high' })],
    ['a&amp;b', one('a&b')],
  ])('%s', (text, command) => {
    expect(parse(text)).toEqual(command);
  });

  it('takes several names and globs, each once', () => {
    expect(parse('low web-1, web-2 db-* web-1')).toMatchObject({
      targets: [
        { pattern: 'web-1', isGlob: false },
        { pattern: 'web-2', isGlob: false },
        { pattern: 'db-*', isGlob: true },
      ],
    });
  });

  it('takes a quoted star for what it is', () => {
    expect(parse('"*"')).toMatchObject({ targets: [{ pattern: '*', isGlob: false }] });
  });

  it.each([
    ['high', '             ^ which servers?'],
    ['vm-1 low high', '                  ^^^^ priority low is given before'],
    [
      'vm-1 by 18:00 in 2h',
      '                       ^^ a deadline is given before (by a time, or in so many hours): only one',
    ],
    ['vm-1 to a to b', '                   ^^ a destination is given before: only one'],
    ['vm-1 at 25:00', '                 ^^^^^ this is no time'],
    ['vm-1 by', '              ^^ a time is missing here'],
    ['vm-1 to', '              ^^ a host is missing here'],
    ['vm-1 to by 18:00', '              ^^ a host is missing here'],
    ['vm-1 in 2x', '                 ^^ this is no duration'],
    ['vm-1 in 0h', '                 ^^ this is no duration'],
    ['vm-1 by 2026-11-24 17:00', '                 ^^^^^^^^^^^^^^^^ this time has passed'],
    ['vm-1 by 17:00 today', '                 ^^^^^^^^^^^ this time has passed'],
    ['vm-1 by 2026-02-30 17:00', '                 ^^^^^^^^^^^^^^^^ there is no such day'],
    ['vm-1 by 2026-12-01', '                 ^^^^^^^^^^ a time of day is missing'],
    ['vm-1 by 2028-12-01 06:00', '                 ^^^^^^^^^^^^^^^^ this is more than a year away'],
    ['vm-1 by 18:00 Europe/Berlln', '                       ^^^^^^^^^^^^^ there is no such time zone'],
    ['vm-1 by 2027-03-28 02:30', '                 ^^^^^^^^^^^^^^^^ clocks go forward'],
    ['vm-1 by 2027-10-31 02:30', '                 ^^^^^^^^^^^^^^^^ clocks go back'],
    [
      'vm-1 at 20:00 by 19:00',
      '                       ^^ the deadline, 2026-11-24 19:00, is not after the start, 2026-11-24 20:00: write a later',
    ],
    ['"vm-1', '         ^^^^^ this quote is not closed'],
    ['*', '         ^ this would be every server'],
    ['host', '             ^ which host?'],
    ['host a b', '                ^ one host at a time'],
    ['host a low to a', '                    ^^ it cannot be drained to itself'],
    ['host a;b', '              ^^^ this cannot be the name'],
    ['cancel', '               ^ a server is missing'],
    ['cancel a b', '                  ^ cancel takes one server'],
  ])('%s: the mistake is pointed at', (text, pointer) => {
    expect(mistake(text).split('\n')[1]?.startsWith(pointer), mistake(text)).toBe(true);
  });

  it.each([
    ['vm-1 by 6pm', '6pm', 'write 18:00'],
    ['vm-1 by 6:30 PM', '6:30 PM', 'write 18:30'],
    ['vm-1 by 18:00 pm', '18:00 pm', 'leave pm out'],
    ['vm-1 by 18.00', '18.00', 'write 18:00'],
    ['vm-1 by 1830', '1830', 'write 18:30'],
    ['vm-1 by 18h', '18h', 'write 18:00'],
    ['vm-1 by 18:00.', '18:00.', 'write 18:00'],
    ['vm-1 by 24:00', '24:00', 'write 00:00'],
    ['vm-1 by noon', 'noon', 'write 12:00'],
    ['vm-1 by tomorrow 6pm', '6pm', 'write 18:00'],
    ['vm-1 by tomorrow', 'tomorrow', 'write tomorrow 18:00'],
    ['vm-1 by friday 06:00', 'friday', 'write the day as a date: 2026-11-27 06:00'],
    ['vm-1 by tuesday 06:00', 'tuesday', '2026-12-01 06:00'],
    ['vm-1 by 01.12.2026 06:00', '01.12.2026', '2026-12-01 06:00'],
    ['vm-1 by 2026-12-1 6am', '2026-12-1', '2026-12-01 06:00'],
    ['vm-1 by 12/01/2026 06:00', '12/01/2026', 'write the day as 2026-12-01'],
    ['vm-1 by 2027-02-30 06:00', '2027-02-30 06:00', '2027-02 has 28 days'],
    ['vm-1 by 2027-13-01 06:00', '2027-13-01 06:00', 'there is no month 13'],
    ['vm-1 by 2026-01-01 06:00', '2026-01-01 06:00', 'it is 2026-11-24 17:30 in Europe/Berlin now'],
    ['vm-1 by 2026-11-24 21:00 Asia/Colombo', '2026-11-24 21:00', 'it is 2026-11-24 22:00 in Asia/Colombo now'],
    ['vm-1 by 2027-03-28 02:30', '2027-03-28 02:30', 'Write 03:30'],
    ['vm-1 by 2027-10-31 02:30', '2027-10-31 02:30', 'Write 2027-10-31T00:30Z or, an hour later, 2027-10-31T01:30Z'],
    ['vm-1 by 18:00 CET', 'CET', 'write it as Europe/Berlin, or as +01:00'],
    ['vm-1 at now', 'now', 'leave the time out'],
    ['vm-1 in 2', '2', 'write in 2h or in 2m'],
    ['vm-1 in 1.5h', '1.5h', 'write in 1h30m'],
    ['vm-1 in 2h30', '2h30', 'write in 2h30m'],
    ['vm-1 in half an hour', 'half', 'write in 30m'],
    ['vm-1 in 18:00', '18:00', 'write by 18:00'],
    ['vm-1 in 400d', '400d', 'write a nearer time'],
    ['status vm-1 vm-2', 'vm-2', 'write status all'],
    ['cancel vm-*', 'vm-*', 'write its name'],
    ['cancel all', 'all', 'has a button for all of it'],
    ['policy now', 'now', 'leave this out'],
  ])('%s: points at %s and says what to write: %s', (text, word, advice) => {
    const [line = '', pointer = ''] = mistake(text).split('\n');
    const [marks = ''] = /\^+/.exec(pointer) ?? [];
    expect(line.slice(pointer.indexOf('^'), pointer.indexOf('^') + marks.length)).toBe(word);
    expect(pointer).toContain(advice);
  });

  it.each<[string, unknown]>([
    ['vm-42 by 18:00 +02:00', one('vm-42', { deadlineAtMs: Date.parse('2026-11-25T16:00Z') })],
    ['vm-42 by 18:00 UTC-5', one('vm-42', { deadlineAtMs: Date.parse('2026-11-24T23:00Z') })],
    ['vm-42 by 2026-12-01 06:00 +0530', one('vm-42', { deadlineAtMs: Date.parse('2026-12-01T00:30Z') })],
    [
      'high\u00A0vm-42\u2009by\u202F18:00',
      one('vm-42', { priority: 'high', deadlineAtMs: Date.parse('2026-11-24T17:00Z') }),
    ],
    ['high vm-42\u200B', one('vm-42', { priority: 'high' })],
    ['\u200Ehigh \u202Avm-42\u202C', one('vm-42', { priority: 'high' })],
    ['\u200B \u2060', { kind: 'help' }],
    ['"vm-42\u200B"', one('vm-42\u200B')],
    ['vm-42 pm', { ...one('vm-42'), targets: ['vm-42', 'pm'].map((pattern) => ({ pattern, isGlob: false })) }],
    [
      'vm-42 by 18:00 "CET"',
      {
        ...one('vm-42', { deadlineAtMs: Date.parse('2026-11-24T17:00Z') }),
        targets: ['vm-42', 'CET'].map((pattern) => ({ pattern, isGlob: false })),
      },
    ],
  ])('%j, as it is pasted or written in other zones, is understood', (text, command) => {
    expect(parse(text)).toEqual(command);
  });

  it.each([
    ['vm-1 by 18:00 Europe/Berlln', 'did you mean Europe/Berlin?'],
    ['vm-1 by tomorow 18:00', 'did you mean tomorrow?'],
    ['host compute-3 hgh', 'did you mean high?'],
  ])('%s: what is nearest is suggested', (text, hint) => {
    expect(mistake(text)).toContain(hint);
  });

  it('understands any text, or points inside it', () => {
    const words = fc.constantFrom(
      'high',
      'low',
      'to',
      'by',
      'in',
      'at',
      '18:00',
      '2h',
      'vm-1',
      'host',
      'tomorrow',
      '"',
      '“',
      '2026-12-01',
      'UTC',
      'a/b',
      '*',
      ',',
    );
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.array(words).map((list) => list.join(' ')),
    );
    fc.assert(
      fc.property(text, (typed) => {
        try {
          parse(typed);
        } catch (error) {
          if (!(error instanceof CommandError)) throw error;
          const { start, end } = error.span;
          expect(start).toBeGreaterThanOrEqual(0);
          expect(end).toBeGreaterThanOrEqual(start);
          expect(end).toBeLessThanOrEqual(typed.length);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
