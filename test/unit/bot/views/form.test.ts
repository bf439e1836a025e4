import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Request } from '../../../../bot/command/command.ts';
import { parseCommand } from '../../../../bot/command/parse.ts';
import { writeCommand } from '../../../../bot/command/write.ts';
import { form, readForm } from '../../../../bot/views/form.ts';
import { NOW_MS } from '../migrations.ts';
import { viewFaults } from './show.ts';

const clock = { nowMs: NOW_MS, timeZone: 'UTC' };
const SECONDS = NOW_MS / 1000;

function filled(fields: Record<string, string | number>) {
  const values = Object.entries(fields).map(([field, value]) => {
    const content =
      typeof value === 'number'
        ? { type: 'datetimepicker', selected_date_time: value }
        : field === 'priority'
          ? { type: 'static_select', selected_option: { text: { type: 'plain_text', text: value }, value } }
          : { type: 'plain_text_input', value };
    return [field, { [field]: content }];
  });
  return readForm(Object.fromEntries(values), clock);
}

describe('the form', () => {
  it('is one that Slack takes', () => {
    expect(viewFaults(form('C0OPS0001'))).toEqual([]);
    expect(form('C0OPS0001').private_metadata).toBe('C0OPS0001');
  });

  it('says in words what was filled in', () => {
    expect(
      filled({ servers: 'web-1, db-*\nhigh', priority: 'high', destination: 'compute-2', deadline: SECONDS + 3600 }),
    ).toEqual({
      text: 'high web-1 db-* "high" to compute-2 by 2026-11-24T17:30:00Z',
      firstBlock: 'servers',
    });
    expect(filled({ drain: 'compute-3', priority: 'policy', start: SECONDS + 60 })).toEqual({
      text: 'host compute-3 at 2026-11-24T16:31:00Z',
      firstBlock: 'drain',
    });
  });

  it.each([
    [{}, { servers: 'Which servers? Name some here, or a host below.' }],
    [{ servers: 'a', drain: 'b' }, { drain: 'Servers or a host, not both: leave one of the two empty.' }],
    [{ servers: '"a' }, { servers: 'This quote is not closed: write " behind the name.' }],
    [{ servers: '*' }, { servers: expect.stringContaining('every server') }],
    [{ servers: 'a', destination: 'two words' }, { destination: 'This cannot be the name of a compute host.' }],
    [{ servers: 'a', deadline: SECONDS - 60 }, { deadline: 'This time has passed.' }],
    [{ servers: 'a', start: SECONDS - 60 }, { start: 'This time has passed.' }],
    [
      { servers: 'a', start: SECONDS + 120, deadline: SECONDS + 60 },
      { deadline: 'It must end before it may start: choose a later time.' },
    ],
    [
      { drain: 'no host', deadline: SECONDS - 1 },
      { drain: expect.any(String), deadline: expect.any(String) },
    ],
  ])('%j: %j', (fields, errors) => {
    expect(filled(fields)).toEqual({ errors });
  });

  it('every value of a field gives words that are understood, or an error at a field', () => {
    const field = fc.oneof(fc.string({ maxLength: 30 }), fc.constantFrom('web-1', 'high', 'to', '“a b”', '*', 'a*'));
    fc.assert(
      fc.property(field, field, field, (servers, drain, destination) => {
        const read = filled({ servers, drain, destination });
        if ('errors' in read) expect(Object.keys(read.errors)).not.toEqual([]);
        else expect(() => parseCommand(read.text, clock)).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });
});

describe('a request in words', () => {
  it('is read again as the same request', () => {
    const pattern = fc
      .oneof(
        fc.string({ minLength: 1, maxLength: 20 }),
        fc.constantFrom('high', 'to', 'my vm', 'a"b', "it's", '<x>', '&amp;', 'a,b', '“q'),
      )
      .filter((name) => !(name.includes('"') && name.includes("'") && name.includes('”')))
      // Nova's names have no spaces at their ends.
      .map((name) => name.trim())
      .filter((name) => name !== '');
    const target = pattern.chain((name) =>
      /[*?]/.test(name) && !/[\s,"'“„‘«]/.test(name) && !/^\*+$/.test(name)
        ? fc.boolean().map((isGlob) => ({ pattern: name, isGlob }))
        : fc.constant({ pattern: name, isGlob: false }),
    );
    const moment = fc.option(fc.integer({ min: 1, max: 300_000 }).map((seconds) => NOW_MS + seconds * 1000));
    const request = fc
      .record({
        targets: fc.uniqueArray(target, { minLength: 1, maxLength: 5, selector: (each) => each.pattern }),
        priority: fc.constantFrom(null, 'low' as const, 'high' as const),
        destination: fc.constantFrom(null, 'compute-2'),
        startAtMs: moment,
        deadlineAtMs: moment,
      })
      .filter(({ startAtMs, deadlineAtMs }) => startAtMs === null || deadlineAtMs === null || startAtMs < deadlineAtMs);
    fc.assert(
      fc.property(request, fc.boolean(), ({ targets, ...wish }, drains) => {
        const whole: Request = drains
          ? { kind: 'drain', host: 'compute-3', ...wish }
          : { kind: 'migrate', targets, ...wish };
        expect(parseCommand(writeCommand(whole), clock)).toEqual(whole);
      }),
      { numRuns: 1000 },
    );
  });
});
