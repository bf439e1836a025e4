import type { Logger } from 'pino';
import type { VmSample } from '../contract.ts';
import { describeError } from '../errors.ts';
import type { Virsh } from '../libvirt/virsh.ts';
import {
  type DirtyReading,
  type DirtySchedule,
  type DirtyVmState,
  leaveAlone,
  parseDirtyRate,
  parseResident,
  planTurn,
  TURN_MS,
} from './dirty.ts';

export type DirtyWindow = VmSample['dirtyWindows'][number];

export interface DirtyRatesOptions {
  virsh: Pick<Virsh, 'batch'>;
  /** 0: never. */
  everyMs: number;
  /** Null while it is not known which VMs migrate. */
  vms: () => readonly DirtyVmState[] | null;
}

interface Measured {
  /** QEMU's own time of the start: tells a new measurement from the one before. */
  startedAt: number;
  window: DirtyWindow;
}

/** Measures the dirty rate of each VM in turns, all commands of a turn in one virsh process. */
export class DirtyRates {
  readonly #options: DirtyRatesOptions;
  readonly #log: Logger;
  #schedule: DirtySchedule = new Map();
  /** By VM, then by window. */
  #measured = new Map<string, Map<number, Measured>>();
  #resident = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | null = null;

  constructor(options: DirtyRatesOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  start(): void {
    if (this.#options.everyMs === 0) return;
    const turn = () => {
      this.#turn ??= this.#takeTurn().finally(() => {
        this.#turn = null;
      });
    };
    this.#timer = setInterval(turn, TURN_MS);
    turn();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#turn;
  }

  /** The last measurement with each window, the shortest window first. */
  dirty(vmUuid: string): DirtyWindow[] {
    const windows = [...(this.#measured.get(vmUuid)?.values() ?? [])].map(({ window }) => window);
    return windows.sort((one, other) => one.windowMs - other.windowMs);
  }

  /** Resident memory of its QEMU when its dirty rate was read last, null if it was not. */
  residentBytes(vmUuid: string): number | null {
    return this.#resident.get(vmUuid) ?? null;
  }

  async #takeTurn(): Promise<void> {
    const { virsh, everyMs, vms } = this.#options;
    const here = vms();
    if (here === null) return;
    for (const known of [this.#measured, this.#resident]) {
      for (const vmUuid of known.keys()) if (!here.some((vm) => vm.vmUuid === vmUuid)) known.delete(vmUuid);
    }
    const { schedule, read, start } = planTurn(this.#schedule, here, everyMs, performance.now());
    this.#schedule = schedule;
    const steps = [
      ...read.map((one) => ({
        ...one,
        command: ['domstats', '--dirtyrate', '--balloon', '--raw', '--nowait', one.vmUuid],
      })),
      ...start.map((one) => ({
        ...one,
        command: ['domdirtyrate-calc', one.vmUuid, '--seconds', String(one.windowMs / 1000)],
      })),
    ];
    if (steps.length === 0) return;
    try {
      const outputs = await virsh.batch(steps.map(({ command }) => command));
      for (const [index, { vmUuid, windowMs, endedAtMs }] of read.entries()) {
        const text = outputs[index] ?? '';
        const resident = parseResident(text);
        if (resident !== null) this.#resident.set(vmUuid, resident);
        const reading = parseDirtyRate(text);
        // Somebody else may have measured with a window of his own.
        if (reading?.windowMs === windowMs) this.#take(vmUuid, reading, endedAtMs);
      }
      const hung = steps[outputs.indexOf(null)];
      if (hung !== undefined) {
        this.#schedule = leaveAlone(this.#schedule, hung.vmUuid, performance.now());
        this.#log.warn({ vmUuid: hung.vmUuid }, 'The dirty rate of a guest is left alone: libvirt hung at it');
      }
    } catch (error) {
      this.#log.debug({ error: describeError(error) }, 'Dirty rates cannot be measured');
    }
  }

  #take(vmUuid: string, reading: DirtyReading, endedAtMs: number): void {
    const { startedAt, windowMs, bytesPerSecond } = reading;
    const windows = this.#measured.get(vmUuid) ?? new Map<number, Measured>();
    // A start that failed leaves the result of an earlier one to be read.
    if ([...windows.values()].some((known) => known.startedAt === startedAt)) return;
    const measuredAtMs = Date.now() - (performance.now() - endedAtMs);
    windows.set(windowMs, { startedAt, window: { windowMs, bytesPerSecond, measuredAtMs } });
    this.#measured.set(vmUuid, windows);
  }
}
