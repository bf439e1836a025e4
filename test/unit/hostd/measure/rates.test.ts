import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Growth, isUsable, type Resolve, TapMeters } from '../../../../hostd/measure/rates.ts';

const TO_NIC: Resolve = (key) => ({ tap: key, direction: 'tx', perPacket: 14 });

function meters(resolve = TO_NIC): TapMeters {
  const made = new TapMeters();
  made.resolveWith(resolve);
  return made;
}

/** Bytes that the tap sent by this reading. */
function read(
  on: TapMeters,
  counters: Record<string, [packets: number, bytes: number]>,
  epoch = 'a',
  tap = 'tap',
): number {
  on.begin(epoch);
  for (const [key, [packets, bytes]] of Object.entries(counters)) on.count(key, packets, bytes, 'zero');
  return on.grown(tap).tx;
}

describe('Growth', () => {
  it.each([
    [
      ['10 a', '25 a', '40 a'],
      [Number.NaN, 15, 15],
    ],
    [
      ['10 a', '3 a', '4 a'],
      [Number.NaN, Number.NaN, 1],
    ],
    [
      ['10 a', '25 b', '26 b'],
      [Number.NaN, Number.NaN, 1],
    ],
  ])('of %j is %j', (readings, expected) => {
    const growth = new Growth();
    const grown = readings.map((reading) => {
      const [value, epoch = ''] = reading.split(' ');
      return growth.next(Number(value), epoch);
    });
    expect(grown).toEqual(expected);
  });
});

describe('TapMeters', () => {
  it('adds the headers that the NIC counts to every packet', () => {
    const on = meters();
    read(on, { tap: [1, 100] });
    expect(read(on, { tap: [3, 300] })).toBe(200 + 2 * 14);
  });

  it('takes a counter that a packet makes from nothing, but not in the first two readings', () => {
    const on = meters();
    expect([read(on, {}), read(on, { tap: [9, 9000] }), read(on, { tap: [9, 9000], other: [1, 50] })]).toEqual([
      0,
      Number.NaN,
      0,
    ]);
    expect(on.grown('other').tx).toBe(64);
  });

  it('makes nothing of a dump that missed a counter once', () => {
    const on = meters();
    for (let n = 0; n < 3; n += 1) read(on, { tap: [10, 1e12] });
    expect(read(on, {})).toBe(0);
    expect(read(on, { tap: [11, 1e12 + 100] })).toBe(114);
  });

  it('makes nothing of counters that fell or were made anew', () => {
    const on = meters();
    for (let n = 0; n < 3; n += 1) read(on, { tap: [10, 1000] });
    expect(read(on, { tap: [2, 200] })).toBeNaN();
    expect(read(on, { tap: [3, 300] })).toBe(114);
    expect(read(on, { tap: [9, 900] }, 'b')).toBeNaN();
  });

  it('counts a pair seen twice in one reading once', () => {
    const on = meters();
    for (let n = 0; n < 3; n += 1) read(on, { tap: [0, 0] });
    on.begin('a');
    on.count('tap', 1, 100, 'zero');
    on.count('tap', 2, 200, 'zero');
    expect(on.grown('tap').tx).toBe(228);
  });

  it('keeps what was counted when the uplinks change', () => {
    const on = meters();
    for (let n = 0; n < 3; n += 1) read(on, { tap: [10, 1000] });
    on.resolveWith((key) => ({ tap: key, direction: 'tx', perPacket: 64 }));
    expect(read(on, { tap: [11, 1100] })).toBe(164);
    on.resolveWith(() => null);
    expect(read(on, { tap: [12, 1200] })).toBe(0);
  });

  it('does not grow with counters that are gone for long', () => {
    const on = meters();
    for (let n = 0; n < 5000; n += 1) read(on, { [`tap${n}`]: [1, 100] });
    expect(on.size).toBeLessThan(1300);
  });

  it('never tells more than was sent, whatever is reset, missed, made anew or taken away', () => {
    const step = fc.record({
      sent: fc.nat(1e9),
      event: fc.constantFrom('none', 'none', 'reset', 'missed', 'epoch', 'removed', 'twice'),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.nat(1e12), (steps, start) => {
        const on = meters((key) => ({ tap: key, direction: 'tx', perPacket: 0 }));
        let epoch = 0;
        let counter = start;
        read(on, { tap: [1, start] }, '0');
        /** Sent since the reading before that saw the counter. */
        let since = 0;
        for (const { sent, event } of steps) {
          // What happens to the counter happens at any moment of the interval: here in its middle.
          since += sent;
          counter += Math.floor(sent / 2);
          if (event === 'reset' || event === 'removed') counter = 0;
          if (event === 'epoch') [epoch, counter] = [epoch + 1, 0];
          counter += sent - Math.floor(sent / 2);
          on.begin(String(epoch));
          const isSeen = event !== 'missed' && !(event === 'removed' && sent === 0);
          if (isSeen) on.count('tap', 1, counter, 'zero');
          if (isSeen && event === 'twice') on.count('tap', 1, counter, 'zero');
          const grown = on.grown('tap').tx;
          if (!Number.isNaN(grown)) {
            expect(grown).toBeGreaterThanOrEqual(0);
            expect(grown).toBeLessThanOrEqual(since);
          }
          if (isSeen) since = 0;
        }
      }),
    );
  });
});

describe('isUsable', () => {
  it('refuses an interval in which the host slept or hostd was stopped', () => {
    expect(isUsable(1001, 1000, 1000)).toBe(true);
    expect(isUsable(4900, 5000, 1000)).toBe(true);
    expect(isUsable(5100, 5000, 1000)).toBe(false);
    expect(isUsable(Number.NaN, 5000, 1000)).toBe(false);
    expect(isUsable(0, 5000, 1000)).toBe(false);
  });
});
