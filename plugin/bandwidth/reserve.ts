import type { LinkReservation, Priority } from 'drover-hostd/contract';

export interface ReserveInput {
  priority: Priority;
  link: {
    /** What migration and workload may share (hostd's `shapeableBitsPerSecond`); above 100 bit/s. */
    capacityBitsPerSecond: number;
    /** What the workload uses, or would use if it were let; Infinity: all it may have. */
    workloadBitsPerSecond: number;
  };
  /** The administrator's promise to workload traffic on this link. */
  limits: { lowerBitsPerSecond: number; upperBitsPerSecond: number };
  /** What a low-priority migration is guaranteed. */
  floorBitsPerSecond: number;
  /** Rates are hard caps, as in the thesis' own loop: nothing is borrowed. Default false. */
  strict?: boolean;
}

/** Neither class is ever guaranteed less than this share, so that neither can be starved by odd limits. */
const LEAST_SHARE = 0.01;
const FIRST = 1;
const SECOND = 2;

/**
 * Algorithm 2 on one link: what workload and migration are guaranteed (`rate`), and who borrows first (`prio`) what the
 * other does not use. Both may borrow up to the whole link (`ceil`), so nothing is wasted and the adapting happens per
 * packet. The guarantees add up to the capacity.
 *
 * Worked on a link of 480 Mbit/s, lower 100, upper 300, floor 5 (Mbit/s; * borrows first):
 *
 * | priority | workload uses | workload rate | migration rate |
 * |----------|---------------|---------------|----------------|
 * | high     | any           | 100           | 380 *          |
 * | medium   | 50            | 100           | 380 *          |
 * | medium   | 200           | 200           | 280 *          |
 * | medium   | 400           | 300           | 180 *          |
 * | low      | any           | 475 *         | 5              |
 *
 * With `strict` the migration borrows nothing, and the workload is capped as in the thesis: at `lower` by high, at
 * `upper` by medium (so that it can show that it wants more again, which its guarantee would forbid), not at all by low,
 * which caps the migration at what the workload leaves over (workload 400: migration 80, never below the floor).
 *
 * @throws RangeError if the capacity is not above 100 bit/s.
 */
export function reserve(input: ReserveInput): LinkReservation {
  const { priority, link, limits, floorBitsPerSecond, strict = false } = input;
  const capacity = Math.floor(link.capacityBitsPerSecond);
  if (!(capacity > 100)) throw new RangeError(`a link of ${capacity} bit/s cannot be shared`);
  const least = Math.ceil(LEAST_SHARE * capacity);
  const workload = Math.min(Math.max(Math.round(workloadGuarantee()), least), capacity - least);
  const migrationFirst = priority !== 'low';
  const leftOver = Math.max(capacity - workload, Math.floor(capacity - link.workloadBitsPerSecond));
  return {
    migration: {
      rateBitsPerSecond: capacity - workload,
      ceilBitsPerSecond: strict ? (migrationFirst ? capacity - workload : leftOver) : capacity,
      prio: migrationFirst ? FIRST : SECOND,
    },
    workload: {
      rateBitsPerSecond: workload,
      ceilBitsPerSecond: strict ? workloadCap() : capacity,
      prio: migrationFirst ? SECOND : FIRST,
    },
  };

  function workloadGuarantee(): number {
    const { lowerBitsPerSecond, upperBitsPerSecond } = limits;
    switch (priority) {
      case 'high':
        return lowerBitsPerSecond;
      case 'medium':
        return Math.max(lowerBitsPerSecond, Math.min(link.workloadBitsPerSecond, upperBitsPerSecond));
      case 'low':
        return capacity - floorBitsPerSecond;
    }
  }

  function workloadCap(): number {
    const upper = Math.min(capacity, Math.round(limits.upperBitsPerSecond));
    return { high: workload, medium: Math.max(workload, upper), low: capacity }[priority];
  }
}

/** The workload's measured rate leaves its guarantee between these two shares of it alone. */
const SQUEEZED_FROM = 0.9;
const SLACK_BELOW = 0.6;

/**
 * What the workload would use, judged while a migration runs beside it. Its measured rate alone would only ever ratchet
 * down: squeezed to its guarantee, it cannot show how much more it wants. So a workload that fills its guarantee counts
 * as one that wants all it may have (`upper` then holds it; what it does not use the migration borrows), one that leaves
 * much of it unused gives it up, and in between nothing changes.
 *
 * | guaranteed | measured | demand   |
 * |------------|----------|----------|
 * | 100        | 95       | Infinity |
 * | 150        | 100      | 150      |
 * | 300        | 100      | 125      |
 */
export function workloadDemand(measuredBitsPerSecond: number, guaranteedBitsPerSecond: number): number {
  if (measuredBitsPerSecond >= SQUEEZED_FROM * guaranteedBitsPerSecond) return Number.POSITIVE_INFINITY;
  if (measuredBitsPerSecond < SLACK_BELOW * guaranteedBitsPerSecond) return 1.25 * measuredBitsPerSecond;
  return guaranteedBitsPerSecond;
}
