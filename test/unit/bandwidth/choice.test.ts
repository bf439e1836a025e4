import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reservationChoice } from '../../../plugin/bandwidth/choice.ts';
import { reserve } from '../../../plugin/bandwidth/reserve.ts';
import { type Priority, ReservationChoice } from '../../../plugin/contract.ts';

const M = 1e6;
const LINK = 480 * M;

function of(priority: Priority, workload: number, { lower = 100 * M, upper = 300 * M, floor = 5 * M } = {}) {
  return {
    priority,
    link: { capacityBitsPerSecond: LINK, workloadBitsPerSecond: workload },
    limits: { lowerBitsPerSecond: lower, upperBitsPerSecond: upper },
    floorBitsPerSecond: floor,
  };
}

describe('reservationChoice', () => {
  // The table of its docstring.
  it.each([
    ['high', 0, 'workload-lower', 'the workload keeps its lower limit of 100 Mbit/s'],
    ['high', 470 * M, 'workload-lower', 'the workload keeps its lower limit of 100 Mbit/s'],
    ['medium', 50 * M, 'workload-lower', 'the workload uses 50 Mbit/s and keeps its lower limit of 100 Mbit/s'],
    ['medium', 200 * M, 'workload-use', 'the workload uses 200 Mbit/s and keeps that'],
    ['medium', 400 * M, 'workload-upper', 'the workload uses 400 Mbit/s and keeps its upper limit of 300 Mbit/s'],
    ['medium', Infinity, 'workload-upper', 'the workload wants all that it may have and keeps its upper limit'],
    ['low', 470 * M, 'migration-floor', "the workload keeps all but the migration's floor of 5 Mbit/s"],
  ] as const)('%s, workload %d: %s', (priority, use, code, text) => {
    const { reason } = reservationChoice(of(priority, use));
    expect(reason.code).toBe(code);
    expect(reason.text).toContain(text);
  });

  it('says what the other priorities would have been guaranteed, and why they are not', () => {
    const { alternatives } = reservationChoice(of('high', 200 * M));
    expect(alternatives).toEqual([
      {
        priority: 'medium',
        workloadBitsPerSecond: 200 * M,
        migrationBitsPerSecond: 280 * M,
        reason: {
          code: 'other-priority',
          text: 'the priority is high; for medium the workload uses 200 Mbit/s and keeps that',
        },
      },
      {
        priority: 'low',
        workloadBitsPerSecond: 475 * M,
        migrationBitsPerSecond: 5 * M,
        reason: { code: 'other-priority', text: expect.stringContaining('for low the workload keeps all but') },
      },
    ]);
  });

  it('says where neither limit is kept, since nobody may be starved', () => {
    expect(reservationChoice(of('high', 0, { lower: LINK, upper: LINK })).reason).toEqual({
      code: 'least-share',
      text: 'the workload keeps its lower limit of 480 Mbit/s, but neither gets less than its least share of the link',
    });
  });

  it('names a rule for whatever is reserved, and two priorities that were not', () => {
    const rate = fc.double({ min: 0, max: 1e12, noNaN: true });
    const inputs = fc.record({
      priority: fc.constantFrom<Priority>('high', 'medium', 'low'),
      link: fc.record({
        capacityBitsPerSecond: fc.double({ min: 102, max: 1e12, noNaN: true }),
        workloadBitsPerSecond: fc.oneof(rate, fc.constant(Number.POSITIVE_INFINITY)),
      }),
      limits: fc.record({ lowerBitsPerSecond: rate, upperBitsPerSecond: rate }),
      floorBitsPerSecond: rate,
      strict: fc.boolean(),
    });
    fc.assert(
      fc.property(inputs, (input) => {
        const choice = ReservationChoice.parse(reservationChoice(input));
        expect(choice.reason.text).not.toMatch(/NaN|undefined|Infinity/);
        for (const { priority, migrationBitsPerSecond } of choice.alternatives) {
          expect(reserve({ ...input, priority }).migration.rateBitsPerSecond).toBe(migrationBitsPerSecond);
        }
        expect(new Set([input.priority, ...choice.alternatives.map(({ priority }) => priority)]).size).toBe(3);
      }),
    );
  });
});
