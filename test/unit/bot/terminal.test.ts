import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { askMessage } from '../../../bot/views/ask.ts';
import { type Reader, shownBlocks } from '../../slack/terminal.ts';
import { ask, NOW_MS } from './migrations.ts';

const reader: Reader = {
  timeZone: 'Europe/Berlin',
  nowMs: NOW_MS,
  names: new Map([['U0ASKER01', 'asker']]),
  hasColours: false,
};

it("a message reads in a terminal as in Slack: names, the reader's own clock, buttons with numbers", () => {
  const { lines, clickables } = shownBlocks(askMessage(ask(), NOW_MS).blocks, reader);
  expect(lines).toEqual([
    '🚚 Moving web-1',
    '@asker asked 17:29: /migrate high web-1',
    'priority high',
    '🚚 ▓▓▓▓▓▓░░░░  60 % web-1 compute-1 → compute-2 · post-copy · 412 Mbit/s · 14 s left',
    '[1 Cancel] [2 Why so?]',
  ]);
  expect(clickables[0]).toMatchObject({
    number: 1,
    actionId: 'ask.cancel',
    confirm: expect.stringMatching(/^Cancel the migration\? web-1: /),
  });
});

it('colours change no letter', () => {
  const { blocks } = askMessage(ask({ state: 'ended' }), NOW_MS);
  const plain = shownBlocks(blocks, reader).lines;
  const coloured = shownBlocks(blocks, { ...reader, hasColours: true }).lines;
  expect(coloured.join('')).toContain('\u001b[');
  expect(coloured.map(stripVTControlCharacters)).toEqual(plain);
});
