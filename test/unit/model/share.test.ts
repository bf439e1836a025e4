import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareLink } from '../../../plugin/model/share.ts';
import { fill } from '../../bench/simulator/network.ts';
import { reserved } from './features.ts';

const MBIT = 1e6;
const EVERYTHING = 480 * MBIT;

describe('two classes on one link', () => {
  it.each([
    ['high, workload 50', reserved(EVERYTHING, 100 / 480, true), 50, 430, 50],
    ['high, full', reserved(EVERYTHING, 100 / 480, true), 480, 380, 100],
    ['low, workload 300', reserved(EVERYTHING, 456 / 480, false), 300, 180, 300],
    ['nothing reserved, workload 100', null, 100, 380, 100],
    ['nothing reserved, full', null, 480, 240, 240],
  ] as const)('%s', (_, reservation, wanted, migration, workload) => {
    const share = shareLink(EVERYTHING, reservation, {
      migrationBitsPerSecond: EVERYTHING,
      workloadBitsPerSecond: wanted * MBIT,
    });
    expect(share.migrationBitsPerSecond / MBIT).toBeCloseTo(migration, 6);
    expect(share.workloadBitsPerSecond / MBIT).toBeCloseTo(workload, 6);
  });

  it('gives what the simulator finds by filling quantum by quantum', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.boolean(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (share, first, migration, workload) => {
          const reservation = reserved(EVERYTHING, share, first);
          const demand = {
            migrationBitsPerSecond: migration * EVERYTHING,
            workloadBitsPerSecond: workload * EVERYTHING,
          };
          const found = fill(
            {
              migration: { class: 'migration', links: ['tx'], demand: demand.migrationBitsPerSecond },
              workload: { class: 'workload', links: ['tx'], demand: demand.workloadBitsPerSecond },
            },
            { tx: { capacity: EVERYTHING, reservation } },
          );
          const formula = shareLink(EVERYTHING, reservation, demand);
          expect(Math.abs(found.migration - formula.migrationBitsPerSecond)).toBeLessThan(0.004 * EVERYTHING);
          expect(Math.abs(found.workload - formula.workloadBitsPerSecond)).toBeLessThan(0.004 * EVERYTHING);
        },
      ),
    );
  });
});
