import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slipOf } from '../../../../bot/command/slip.ts';

describe('a word that no server is called', () => {
  it.each([
    ['hgh vm-2', 'hgh', 'high'],
    ['hihg vm-2', 'hihg', 'high'],
    ['vm-2 medum', 'medum', 'medium'],
    ['vm-2 lwo', 'lwo', 'low'],
    ['statsu', 'statsu', 'status'],
    ['cancl vm-2', 'cancl', 'cancel'],
    ['pln high vm-2', 'pln', 'plan'],
    ['plan hots compute-3', 'hots', 'host'],
    ['vm-2 ot compute-3', 'ot', 'to'],
    ['vm-2 bye 18:00', 'bye', 'by'],
    ['vm-2 att tomorrow 02:00', 'att', 'at'],
    ['HGIH vm-2', 'HGIH', 'high'],
    ['urgent vm-2', 'urgent', 'high'],
    ['vm-2 before 18:00', 'before', 'by'],
    ['stop vm-2', 'stop', 'cancel'],
    ['vm-2 now', 'now', null],
    ['move vm-2', 'move', null],
    ['/migrate high vm-2', '/migrate', null],
    ['priority high vm-2', 'priority', null],
    ['vm-2 within 2h', 'within', 'in'],
    ['vm-2 on compute-3', 'on', 'to'],
    ['vm-2 → compute-3', '→', 'to'],
  ])('%s: %s was meant for %s', (text, written, meant) => {
    const unknown = text.split(' ').filter((word) => !word.startsWith('vm-') && word !== 'plan');
    const slip = slipOf(text, unknown);
    expect(slip).toMatchObject({ written, meant });
    expect(text.slice(slip?.span.start, slip?.span.end)).toBe(written);
  });

  it.each([
    ['hgh vm-2', []],
    ['"hgh" vm-2', ['hgh']],
    ['web-1 vm-2', ['web-1']],
    ['vm-2 statsu', ['statsu']],
    ['vm-2 bye', ['bye']],
    ['vm-2 stop', ['stop']],
    ['vm-2 constructor', ['constructor']],
    ['high db', ['db']],
  ])('%s, of which no server is called %j, is not taken for another word', (text, unknown) => {
    expect(slipOf(text, unknown)).toBe(null);
  });

  it('is one that stands in quotes, which made it a name', () => {
    expect(slipOf('“high” vm-2', ['high'])).toEqual({ written: 'high', meant: 'high', span: { start: 0, end: 6 } });
    expect(slipOf('plan plan high vm-2', ['plan'])).toBe(null);
  });

  it('is pointed at in what was typed, escaped as Slack sends it', () => {
    expect(slipOf('a&amp;b hgh', ['hgh'])?.span).toEqual({ start: 4, end: 7 });
  });

  it('is of the text, whatever that is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('hgh', 'bye', '18:00', 'statsu', 'plan', 'ot', '"x y"', '<!channel>')),
        (words) => {
          const text = words.join(' ');
          const slip = slipOf(text, words);
          if (slip) expect(text.slice(slip.span.start, slip.span.end)).toBe(slip.written);
        },
      ),
    );
  });
});
