import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boardMessage } from '../../../../bot/views/board.ts';
import { threadMessage } from '../../../../bot/views/thread.ts';
import { ask, askedVm, completed, NOW_MS, record } from '../migrations.ts';
import { hostileName, hostileText } from './hostile.ts';
import { changedShape, messageFaults, readable, shapeOf } from './show.ts';

describe('a post in the thread', () => {
  it('has one line for each thing that happened, ends marked', () => {
    const message = threadMessage([
      { vm: 'web-1', text: 'post-copy: QEMU sends: switch to post-copy at once', by: null },
      { vm: 'web-1', text: 'completed: Nova: completed', by: null },
      { vm: 'web-2', text: 'cancelled', by: 'U0ASKER01' },
      { vm: null, text: 'approved', by: 'U0BOSS001' },
    ]);
    expect(readable(message.blocks).replaceAll('\uA789', ':')).toBe(
      [
        '⚡ web-1 post-copy: QEMU sends: switch to post-copy at once',
        '✅ web-1 completed: Nova: completed',
        '• web-2 cancelled by @U0ASKER01',
        '• approved by @U0BOSS001',
      ].join('\n'),
    );
    expect(message.text).toContain('(and 3 more)');
  });

  it('keeps within the limits, and nothing foreign formats', () => {
    const line = fc.record({ vm: fc.option(hostileName), text: hostileText, by: fc.constantFrom(null, 'U0ASKER01') });
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 40 }), (lines) => {
        const message = threadMessage(lines);
        expect(messageFaults(message)).toEqual([]);
        const harmless = threadMessage(lines.map(({ vm, by }) => ({ vm: vm === null ? null : 'x', text: 'x', by })));
        expect(changedShape(shapeOf(message), shapeOf(harmless))).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});

describe('the board of a channel', () => {
  it('shows 200 that run in 200 messages, each on its line, what ends first on top', () => {
    const asks = Array.from({ length: 200 }, (_, index) => {
      const migration = record(`server-${index}`, {
        planned: { startAtMs: 0, endAtMs: { value: NOW_MS + (200 - index) * 1000, low: 0, high: 0 }, reason: null },
      });
      return ask({ id: `ask-${index}`, vms: [askedVm(`server-${index}`, { migration })] });
    });
    const message = boardMessage(asks, NOW_MS);
    expect(messageFaults(message)).toEqual([]);
    const read = readable(message.blocks);
    expect(read.match(/ server-\d+ 412 Mbit\/s/g)).toHaveLength(200);
    expect(read.indexOf('server-199')).toBeLessThan(read.indexOf('server-0 '));
    expect(message.text).toBe('200 running, 0 waiting');
  });

  it('says when nothing runs any more', () => {
    const over = boardMessage([ask({ vms: [askedVm('a', { migration: completed('a') })] })], NOW_MS);
    expect(readable(over.blocks)).toContain('Nothing runs here any more');
    expect(messageFaults(boardMessage([], NOW_MS))).toEqual([]);
  });

  it('keeps within the limits, whatever the names', () => {
    fc.assert(
      fc.property(fc.array(hostileName, { maxLength: 20 }), fc.integer({ min: 1, max: 20 }), (names, times) => {
        const asks = Array.from({ length: times }, () => ask({ vms: names.map((name) => askedVm(name)) }));
        expect(messageFaults(boardMessage(asks, NOW_MS))).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });
});
