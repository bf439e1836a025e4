import type { Priority } from '../../contract.ts';
import type { UplinkUse } from './uplinks.ts';

/**
 * All live migrations that run or wait, and what there is for them: what `planSchedule` plans. Rates in bit/s, times in ms
 * (Unix time on the plugin's clock).
 */
export interface LiveWorld {
  nowMs: number;
  /** One direction of a NIC each, with what the workload leaves for migrations. */
  links: readonly LiveLink[];
  /** One direction of a switch's uplink each, with what migrations may take of it. Default: none. */
  uplinks?: readonly LiveUplink[];
  hosts: readonly LiveHost[];
  migrations: readonly LiveMigration[];
  /** Who waited so long stands before all groups. */
  maxWaitMs: number;
  /** At a time, on all links together. Default: no limit. */
  mostRunning?: number;
}

/** Amounts by Placement's resource class, whose name says the unit: `{ MEMORY_MB: 4096, VCPU: 2 }`. */
export type Resources = Readonly<Record<string, number>>;

export interface LiveLink {
  name: string;
  /** What the workload leaves to all migrations together where the highest of them is of that priority. */
  bitsPerSecond: Record<Priority, number>;
  /** Most migrations at a time; infinite: no cap. */
  mostMigrations: number;
}

export interface LiveUplink {
  name: string;
  /** For all migrations together. */
  bitsPerSecond: number;
}

export interface LiveHost {
  name: string;
  /**
   * Free for VMs that arrive, with those that are arriving already counted; of a class that is not named there is none.
   * Null: not known, so not limited.
   */
  free: Resources | null;
  /** Nova's max_concurrent_live_migrations; infinite: no limit. */
  mostLeaving: number;
}

export interface LiveMigration {
  id: number;
  /** Indices into `hosts`. */
  source: number;
  destination: number;
  /** It takes the room of one of these instead of the destination's: Nova will choose among them. */
  choices?: readonly number[];
  /** Indices into `links`. */
  links: readonly number[];
  /** How it crosses `uplinks`. Default: it crosses none. */
  uplinkUse?: UplinkUse;
  /** Null: it runs without Drover, in no group. */
  priority: Priority | null;
  /** What a second of its completion costs, beside the others. */
  weight: number;
  /** At most one at a time of its group on a link, if it or the other is serial. */
  serial: boolean;
  receivedAtMs: number;
  /** Not started before this time. Default: at once. */
  notBeforeMs?: number;
  /** It keeps lower ones off its links before `notBeforeMs` too: whoever stands before them is about to be decided. */
  claims?: boolean;
  /** When it may start, looked at from a moment; pure. Default: always. */
  windows?: (atMs: number) => LiveWindows;
  /** At most one at a time of the same VM. Default: it has a VM of its own. */
  vmUuid?: string;
  /** Its place in its group to begin with. Default: earliest deadline, shortest, arrival. */
  turn?: number;
  /** Changes places only with those of its group that have the same. Default: with all of them. */
  peers?: string;
  deadlineMs?: number | null;
  /** What it holds on its host: there until its end, at its destination from its start on. Empty: nothing is counted. */
  needs: Resources;
  /** It is given to Nova already: it cannot be stopped, but slowed. */
  running: boolean;
  /** It runs with no less than this, whoever comes. */
  leastBitsPerSecond: number;
  /** It cannot use more than this. */
  mostBitsPerSecond: number;
  /** How long all that is left of it takes at a steady rate; infinite: it would never end. Falls with the rate. */
  remainingMs: (bitsPerSecond: number) => number;
}

export interface LiveWindows {
  /** That moment if it may start then; null: never. */
  startsAtMs: number | null;
  /** Since when it may; minus infinity: always. Waiting before that does not count. */
  openSinceMs: number;
}

export interface LivePlan {
  /** By id. */
  migrations: PlannedMigration[];
  /** Ids of those that wait, in the order in which they are looked at inside their groups. */
  order: number[];
  /** Ids of those that wait for room which nothing frees that flies or is planned. */
  short: number[];
  /** Sum of weight × seconds from arrival to end; a late one counts its lateness ten times more. */
  cost: number;
}

export interface PlannedMigration {
  id: number;
  /** `nowMs` for one that runs; null: it waits for something that does not come by itself. */
  startMs: number | null;
  endMs: number | null;
  /** Whose room it takes; null: it has no start. */
  destination: number | null;
  /** From each time on this rate; what `bandwidth/reserve` is to give it. */
  rates: { fromMs: number; bitsPerSecond: number }[];
  /** How long after its deadline it ends, 0 if before or without one. */
  lateMs: number;
}

/** Order of the groups, as in controller/plan/plan.ts. */
export const GROUP: Record<Priority, number> = { high: 0, medium: 1, low: 2 };
/** Below all groups: who has none stands in nobody's way. */
export const NO_GROUP = 3;
export const AGED = -1;

export function groupOf({ priority }: Pick<LiveMigration, 'priority'>): number {
  return priority === null ? NO_GROUP : GROUP[priority];
}
