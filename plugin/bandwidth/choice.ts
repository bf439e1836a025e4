import { Priority } from 'drover-hostd/contract';
import type { Reason, ReservationChoice } from '../contract.ts';
import { type ReserveInput, reserve } from './reserve.ts';

/**
 * Why Algorithm 2 reserves on a link what it does, and what it would for the other two priorities.
 *
 * Of the link in the table of `reserve` (480 Mbit/s, lower 100, upper 300, floor 5):
 *
 * | priority | workload uses | code              |
 * |----------|---------------|-------------------|
 * | high     | any           | `workload-lower`  |
 * | medium   | 50            | `workload-lower`  |
 * | medium   | 200           | `workload-use`    |
 * | medium   | 400           | `workload-upper`  |
 * | low      | any           | `migration-floor` |
 *
 * `least-share` instead where that would leave workload or migration less than reserve's least share.
 *
 * @throws RangeError as `reserve` does.
 */
export function reservationChoice(input: ReserveInput): ReservationChoice {
  return {
    reason: reasonOf(input),
    alternatives: Priority.options
      .filter((priority) => priority !== input.priority)
      .map((priority) => {
        const { workload, migration } = reserve({ ...input, priority });
        const text = `the priority is ${input.priority}; for ${priority} ${reasonOf({ ...input, priority }).text}`;
        return {
          priority,
          workloadBitsPerSecond: workload.rateBitsPerSecond,
          migrationBitsPerSecond: migration.rateBitsPerSecond,
          reason: { code: 'other-priority', text },
        };
      }),
  };
}

function reasonOf(input: ReserveInput): Reason {
  const { workload, migration } = reserve(input);
  const { code, text, bitsPerSecond, of } = ruleOf(input);
  const given = (of === 'workload' ? workload : migration).rateBitsPerSecond;
  // Rates are whole bit/s.
  if (Math.abs(given - bitsPerSecond) <= 1) return { code, text };
  return { code: 'least-share', text: `${text}, but neither gets less than its least share of the link` };
}

/** What decides, and the guarantee that it asks for. */
function ruleOf({ priority, link, limits, floorBitsPerSecond }: ReserveInput) {
  const { lowerBitsPerSecond: lower, upperBitsPerSecond: upper } = limits;
  const use = link.workloadBitsPerSecond;
  const floor = floorBitsPerSecond;
  if (priority === 'low') {
    const text = `the workload keeps all but the migration's floor of ${megabits(floor)}`;
    return { code: 'migration-floor', text, bitsPerSecond: floor, of: 'migration' };
  }
  const keeps = (code: string, bitsPerSecond: number, text: string) => ({ code, text, bitsPerSecond, of: 'workload' });
  if (priority === 'high') {
    return keeps('workload-lower', lower, `the workload keeps its lower limit of ${megabits(lower)}`);
  }
  const used = Number.isFinite(use) ? `the workload uses ${megabits(use)}` : 'the workload wants all that it may have';
  if (Math.min(use, upper) <= lower) {
    return keeps('workload-lower', lower, `${used} and keeps its lower limit of ${megabits(lower)}`);
  }
  if (use <= upper) return keeps('workload-use', use, `${used} and keeps that`);
  return keeps('workload-upper', upper, `${used} and keeps its upper limit of ${megabits(upper)}`);
}

export function megabits(bitsPerSecond: number): string {
  const mbit = bitsPerSecond / 1e6;
  return `${mbit < 10 ? Number(mbit.toFixed(1)) : Math.round(mbit)} Mbit/s`;
}
