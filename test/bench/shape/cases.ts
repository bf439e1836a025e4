import { setTimeout as sleep } from 'node:timers/promises';
import type { Priority } from '../../../hostd/contract.ts';
import type { Guest } from './guest.ts';
import { monotonicMs } from './meter.ts';
import { LINK_MEGABITS } from './network.ts';
import { type Limits, policyWith, Reservation } from './plugin.ts';
import { printTable } from './report.ts';
import { LINKS, type Shares } from './shares.ts';
import type { Stage } from './stage.ts';
import { BOTH_WAYS } from './workload.ts';

/** What the workload is promised, Mbit/s. */
export const LOWER = 100;
export const UPPER = 300;
export const LIMITS: Limits = { lower: `${LOWER} Mbit`, upper: `${UPPER} Mbit` };
/** A case is measured for so long, this long after it began. */
export const MEASURE_MS = 6000;
export const SETTLE_MS = 3000;
/** hostd's rates are means of 5 s: the next case begins with a workload that has been seen alone. */
const FORGET_MS = 6000;

/** The ways that share a link with the migration, out of the source and into the destination, and the other way of each. */
export const CROSSED = BOTH_WAYS.filter(({ host, direction }) => (host === 'a') === (direction === 'out'));
export const REVERSE = BOTH_WAYS.filter((way) => !CROSSED.includes(way));

export interface Case {
  reservation: Reservation;
  startedAtMs: number;
}

/** Reserves, then migrates, as the plugin does. */
export async function begin(
  stage: Stage,
  guest: Guest,
  priority: Priority,
  { limits = LIMITS, endless = true }: { limits?: Limits; endless?: boolean } = {},
): Promise<Case> {
  const reservation = new Reservation(stage.plugin, policyWith(limits), priority);
  await reservation.start();
  const startedAtMs = monotonicMs();
  await guest.migrate({ endless });
  await sleep(SETTLE_MS);
  return { reservation, startedAtMs };
}

export async function finish(guest: Guest, { reservation }: Case): Promise<void> {
  await guest.cancel();
  await reservation.stop();
  await sleep(FORGET_MS);
}

/** The shares of every case of a part. */
export class SharesTable {
  readonly #rows: (string | number)[][] = [];

  note(what: string, both: readonly Shares[]): void {
    for (const [index, { migration, workload, control, total }] of both.entries()) {
      this.#rows.push([what, LINKS[index]?.name ?? '', migration, workload, control, total]);
    }
  }

  print(): void {
    printTable(
      `Shares of the two links of a migration, Mbit/s, means of ${MEASURE_MS / 1000} s; links of ${LINK_MEGABITS}, lower ${LOWER}, upper ${UPPER}`,
      ['case', 'link', 'migration', 'workload', 'control', 'all'],
      this.#rows,
    );
  }
}

export function isNear(value: number, wanted: number): boolean {
  return Math.abs(value - wanted) <= 0.1 * wanted;
}
