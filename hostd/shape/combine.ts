import type { ClassRates, LeaseRequest, LinkReservation } from '../contract.ts';

const RANK = { high: 0, medium: 1, low: 2 } as const;
/** What HTB gives a class at the least here; see `shownRate`. */
const LEAST_BITS_PER_SECOND = 8_000;

/**
 * The one reservation that all leases on a link add up to; null if none asks for this direction. Only the group of the
 * highest priority present counts: it alone promises the workload anything and may squeeze it.
 *
 * - Workload: the largest guarantee and the largest ceil in the group, so that a second lease never breaks a promise.
 * - Migration: the largest guarantee asked for, cut so that both guarantees fit into the link; the largest ceil. All
 *   migrations share the class; a lower one beside it is held back by its own stream limit (`guestLimits`).
 * - Who borrows first: as in that lease of the group which puts the migration furthest ahead.
 *
 * On a link with 475 Mbit/s to share (migration/workload in Mbit/s, * borrows first):
 *
 * | leases                                | together  |
 * |---------------------------------------|-----------|
 * | high 375/100 *m                       | 375/100 m |
 * | high 375/100 *m, high 300/100 *m      | 375/100 m |
 * | high 375/100 *m, high 275/200 *m      | 275/200 m |
 * | high 375/100 *m, medium 175/300 *m    | 375/100 m |
 * | medium 175/300 *m, medium 275/200 *m  | 175/300 m |
 * | medium 175/300 *m, low 24/451 *w      | 175/300 m |
 * | low 24/451 *w, low 10/465 *w          | 10/465 w  |
 *
 * The result does not depend on the order of the leases, and the guarantees never exceed `shapeableBitsPerSecond`, not
 * even where leases were taken before the link was configured anew.
 */
export function combine(
  requests: readonly LeaseRequest[],
  direction: 'tx' | 'rx',
  shapeableBitsPerSecond: number,
): LinkReservation | null {
  const asking = requests.filter((request) => request[direction] !== undefined);
  const top = Math.min(...asking.map(({ priority }) => RANK[priority]));
  const group = asking.flatMap((request) => (RANK[request.priority] === top ? (request[direction] ?? []) : []));
  const [first, ...others] = group;
  if (first === undefined) return null;
  const ahead = others.reduce((best, each) => (isAhead(each, best) ? each : best), first);
  const workload = Math.min(
    largest(group, 'workload', 'rateBitsPerSecond'),
    shapeableBitsPerSecond - LEAST_BITS_PER_SECOND,
  );
  return {
    migration: {
      rateBitsPerSecond: Math.min(largest(group, 'migration', 'rateBitsPerSecond'), shapeableBitsPerSecond - workload),
      ceilBitsPerSecond: largest(group, 'migration', 'ceilBitsPerSecond'),
      prio: ahead.migration.prio,
    },
    workload: {
      rateBitsPerSecond: workload,
      ceilBitsPerSecond: largest(group, 'workload', 'ceilBitsPerSecond'),
      prio: ahead.workload.prio,
    },
  };
}

function largest(group: readonly LinkReservation[], name: keyof LinkReservation, rate: keyof ClassRates): number {
  return Math.max(...group.map((reservation) => reservation[name][rate]));
}

function isAhead(one: LinkReservation, other: LinkReservation): boolean {
  const lead = ({ migration, workload }: LinkReservation) => workload.prio - migration.prio;
  return lead(one) > lead(other) || (lead(one) === lead(other) && one.migration.prio < other.migration.prio);
}

/** What libvirt shall hold for one VM that migrates from here; null: nothing is asked for. */
export interface GuestLimits {
  maxDowntimeMs: number | null;
  maxBandwidthBitsPerSecond: number | null;
}

/**
 * The limits of one VM while it migrates from here. The stream is held to what its lease says in so many words
 * (`maxBandwidthBitsPerSecond`) and, while a lease of a higher priority stands on the same link, to the guarantee that
 * its own lease asked for: both share the migration class, and there the lower one would take half. Where a VM has
 * several leases the smallest figure holds, and the highest priority of them is the VM's.
 *
 * | leases with tx                               | limit of vm-b        |
 * |----------------------------------------------|----------------------|
 * | b low 24                                     | none                 |
 * | b low 24, a high 375                         | 24                   |
 * | b low 24 with limit 10, a high 375           | 10                   |
 * | b high 375 with limit 200, a low 24          | 200                  |
 * | b low 24 (tx), a high 375 (rx only)          | none: another link   |
 */
export function guestLimits(requests: readonly LeaseRequest[], vmUuid: string): GuestLimits {
  const own = requests.filter((request) => request.vmUuid === vmUuid);
  const leaving = own.flatMap((request) => (request.tx === undefined ? [] : { ...request, tx: request.tx }));
  const rank = Math.min(...leaving.map(({ priority }) => RANK[priority]));
  const outranked = requests.some((each) => each.tx !== undefined && RANK[each.priority] < rank);
  const floors = outranked ? leaving.map(({ tx }) => tx.migration.rateBitsPerSecond) : [];
  return {
    maxDowntimeMs: least(own.flatMap((request) => request.maxDowntimeMs ?? [])),
    maxBandwidthBitsPerSecond: least([...own.flatMap((request) => request.maxBandwidthBitsPerSecond ?? []), ...floors]),
  };
}

function least(numbers: readonly number[]): number | null {
  return numbers.length === 0 ? null : Math.min(...numbers);
}
