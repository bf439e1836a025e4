import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type GuestSettings,
  parseSettings,
  setCommands,
  stepGuest,
  wantedSettings,
} from '../../../../hostd/shape/guest.ts';

describe('wantedSettings', () => {
  it('never allows more than asked for, and never nothing', () => {
    const speed = (bits: number) =>
      wantedSettings({ maxDowntimeMs: null, maxBandwidthBitsPerSecond: bits }).speedMebibytes ?? Number.NaN;
    expect([speed(1), speed(100e6), speed(8 * 2 ** 20), speed(1e30)]).toEqual([1, 11, 1, 2 ** 43 - 1]);
    fc.assert(
      fc.property(fc.double({ min: 8 * 2 ** 20, max: 1e12, noNaN: true }), (bits) => speed(bits) * 8 * 2 ** 20 <= bits),
    );
  });

  it('asks for nothing that no lease asks for', () => {
    expect(wantedSettings({ maxDowntimeMs: null, maxBandwidthBitsPerSecond: null })).toEqual({});
    expect(wantedSettings({ maxDowntimeMs: 300, maxBandwidthBitsPerSecond: null })).toEqual({ downtimeMs: 300 });
    expect(wantedSettings({ maxDowntimeMs: null, maxBandwidthBitsPerSecond: 1e9 })).toEqual({
      speedMebibytes: 119,
      postCopySpeedMebibytes: 119,
    });
  });
});

const settings = fc.record(
  { downtimeMs: fc.nat(9), speedMebibytes: fc.nat(9), postCopySpeedMebibytes: fc.nat(9) },
  { requiredKeys: [] },
) as fc.Arbitrary<GuestSettings>;
const all = fc.record({ downtimeMs: fc.nat(9), speedMebibytes: fc.nat(9), postCopySpeedMebibytes: fc.nat(9) });

describe('stepGuest', () => {
  it('changes only what it knows how to put back', () => {
    fc.assert(
      fc.property(settings, settings, settings, (found, wanted, now) => {
        const { record, set } = stepGuest(found, wanted, now);
        for (const name of Object.keys(set)) expect(record).toHaveProperty(name);
        expect(record).toMatchObject(found);
      }),
    );
  });

  it('ends with what was found, wherever it is killed and whatever is wanted meanwhile', () => {
    // Each turn: what is wanted, and before which of its effects hostd is killed (record, each set, keep).
    const turns = fc.array(fc.tuple(settings, fc.nat(6)), { maxLength: 12 });
    fc.assert(
      fc.property(all, turns, (before, killed) => {
        let guest: GuestSettings = { ...before };
        let disk: GuestSettings = {};
        for (const [wanted, effects] of [...killed, [{}, 99] as const]) {
          const { record, set, keep } = stepGuest(disk, wanted, guest);
          let left = effects;
          if (left-- <= 0) continue;
          disk = record;
          for (const [name, value] of Object.entries(set)) if (left-- > 0) guest = { ...guest, [name]: value };
          if (left-- > 0) disk = keep;
        }
        expect(guest).toEqual(before);
        expect(disk).toEqual({});
      }),
    );
  });

  it('has what is wanted set once it is through', () => {
    fc.assert(
      fc.property(all, settings, (before, wanted) => {
        const { set } = stepGuest({}, wanted, before);
        expect({ ...before, ...set }).toMatchObject(wanted);
      }),
    );
  });
});

describe('the commands', () => {
  it('are those of virsh, and their answers are read as numbers only', () => {
    const vm = '3f6a1c9e-4b1d-4a55-9a3c-0d6d5a1f2b10';
    expect(setCommands(vm, { downtimeMs: 300, speedMebibytes: 8, postCopySpeedMebibytes: 0 })).toEqual([
      ['migrate-setmaxdowntime', vm, '300'],
      ['migrate-setspeed', vm, '8'],
      ['migrate-setspeed', vm, '0', '--postcopy'],
    ]);
    expect(parseSettings(['300\n', '8796093022207\n', '0\n'])).toEqual({
      downtimeMs: 300,
      speedMebibytes: 8796093022207,
      postCopySpeedMebibytes: 0,
    });
    expect(parseSettings(['', null, 'error\n'])).toEqual({});
  });
});
