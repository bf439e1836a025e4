import type { MigrationView } from '../contract.ts';
import { type Domain, isRunning } from './domain.ts';
import { isOpen } from './migrations.ts';

/**
 * When the dirty rate of which VM is measured. Each VM goes through all windows once every `everyMs`, the next window
 * not before the last is over: QEMU knows one measurement at a time. What is due is spread over the turns.
 *
 * Two VMs, every 60 s, a turn every 5 s (two windows of two VMs in twelve turns: one start a turn):
 *
 * | s | read | start     |
 * |---|------|-----------|
 * | 0 |      | A for 1 s |
 * | 5 | A    | A for 4 s |
 * | 10| A    | B for 1 s |
 * | 15| B    | B for 4 s |
 * | 20| B    |           |
 * | 60|      | A for 1 s |
 */
export const WINDOWS_MS: readonly number[] = [1000, 4000];
export const TURN_MS = 5000;

/** A VM on which libvirt or QEMU hangs is left alone for this time. */
const LEAVE_ALONE_MS = 600_000;
/** QEMU counts whole seconds, and its thread may start late. */
const MARGIN_MS = 500;
/**
 * Bounds the cost where there are very many VMs: two commands of virsh for each start. With this many a minute 150 VMs
 * are measured every 60 s, 1,000 every 400 s.
 */
const MOST_STARTS_PER_TURN = 25;

export interface DirtyVm {
  /** When the cycle through the windows began. */
  cycleAtMs: number;
  dueAtMs: number;
  /** The window that comes next. */
  next: number;
  running: { windowMs: number; endsAtMs: number } | null;
}

export type DirtySchedule = ReadonlyMap<string, DirtyVm>;

export interface DirtyVmState {
  vmUuid: string;
  /** Runs and does not migrate. */
  eligible: boolean;
}

/** QEMU measures a guest that migrates itself, and one that stands still writes nothing. */
export function dirtyVmStates(
  domains: readonly Pick<Domain, 'uuid' | 'state'>[],
  views: readonly MigrationView[],
): DirtyVmState[] {
  const migrating = new Set(views.filter(isOpen).map(({ vmUuid }) => vmUuid));
  return domains.map(({ uuid, state }) => ({ vmUuid: uuid, eligible: isRunning(state) && !migrating.has(uuid) }));
}

export interface DirtyTurn {
  schedule: DirtySchedule;
  /** Measurements that are over; to be read before anything is started. */
  read: { vmUuid: string; windowMs: number; endedAtMs: number }[];
  start: { vmUuid: string; windowMs: number }[];
}

/** One turn. `nowMs` is monotonic; all that is in `start` must be started now. */
export function planTurn(
  before: DirtySchedule,
  vms: readonly DirtyVmState[],
  everyMs: number,
  nowMs: number,
): DirtyTurn {
  const schedule = new Map<string, DirtyVm>();
  const read: DirtyTurn['read'] = [];
  for (const { vmUuid, eligible } of vms) {
    let vm = before.get(vmUuid) ?? { cycleAtMs: nowMs, dueAtMs: nowMs, next: 0, running: null };
    if (vm.running !== null && vm.running.endsAtMs <= nowMs) {
      // What was measured partly while the guest migrated or stood still tells nothing of its usual rate.
      if (eligible) read.push({ vmUuid, windowMs: vm.running.windowMs, endedAtMs: vm.running.endsAtMs - MARGIN_MS });
      vm = { ...vm, running: null };
    }
    schedule.set(vmUuid, vm);
  }
  const due = vms
    .flatMap(({ vmUuid, eligible }) => {
      const vm = schedule.get(vmUuid);
      return eligible && vm !== undefined && vm.running === null && vm.dueAtMs <= nowMs ? [{ vmUuid, vm }] : [];
    })
    .sort((one, other) => one.vm.dueAtMs - other.vm.dueAtMs)
    .slice(0, startsPerTurn(vms.length, everyMs));
  const start = due.map(({ vmUuid, vm }) => {
    const windowMs = WINDOWS_MS[vm.next] ?? 1000;
    schedule.set(vmUuid, begun(vm, windowMs, everyMs, nowMs));
    return { vmUuid, windowMs };
  });
  return { schedule, read, start };
}

function begun(vm: DirtyVm, windowMs: number, everyMs: number, nowMs: number): DirtyVm {
  const cycleAtMs = vm.next === 0 ? nowMs : vm.cycleAtMs;
  const last = vm.next === WINDOWS_MS.length - 1;
  return {
    cycleAtMs,
    dueAtMs: last ? cycleAtMs + everyMs : cycleAtMs,
    next: last ? 0 : vm.next + 1,
    running: { windowMs, endsAtMs: nowMs + windowMs + MARGIN_MS },
  };
}

function startsPerTurn(vms: number, everyMs: number): number {
  return Math.min(MOST_STARTS_PER_TURN, Math.ceil((vms * WINDOWS_MS.length * TURN_MS) / everyMs));
}

/** After a command on this VM hung. */
export function leaveAlone(before: DirtySchedule, vmUuid: string, nowMs: number): DirtySchedule {
  const vm = before.get(vmUuid);
  if (vm === undefined) return before;
  const dueAtMs = nowMs + LEAVE_ALONE_MS;
  return new Map([...before, [vmUuid, { ...vm, dueAtMs, next: 0, running: null }]]);
}

export interface DirtyReading {
  startedAt: number;
  windowMs: number;
  bytesPerSecond: number;
}

/**
 * The resident memory of a domain's QEMU in `domstats --balloon --raw`, bytes; null where libvirt did not ask for it: with
 * `--nowait` it leaves out a domain that another job has (qemu_driver.c, qemuDomainGetStatsBalloon; the figure is
 * /proc/PID/stat's).
 */
export function parseResident(text: string): number | null {
  const kibibytes = /^\s*balloon\.rss=(\d+)$/m.exec(text)?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}

/** `domstats --dirtyrate --raw` of one domain; null if there is no finished measurement. QEMU's unit is MiB/s. */
export function parseDirtyRate(text: string): DirtyReading | null {
  const figure = (name: string) => {
    const match = new RegExp(`^\\s*dirtyrate\\.${name}=(\\d+)`, 'm').exec(text);
    return match === null ? null : Number(match[1]);
  };
  const [status, startedAt, period] = [figure('calc_status'), figure('calc_start_time'), figure('calc_period')];
  const mebibytes = figure('megabytes_per_second');
  // virDomainDirtyRateStatus: 2 is measured.
  if (status !== 2 || startedAt === null || period === null || mebibytes === null) return null;
  return { startedAt, windowMs: period * 1000, bytesPerSecond: mebibytes * 2 ** 20 };
}
