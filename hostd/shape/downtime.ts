import type { Logger } from 'pino';
import { type RunCommand, runCommand } from '../command.ts';
import type { MigrationView } from '../contract.ts';
import { describeError } from '../errors.ts';

/** Nova overrides the limit at each of its own steps (nova/virt/libvirt/migration.py, downtime_steps): set it again. */
const REPEAT_MS = 2000;

interface Held {
  /** The limit before hostd's first change, null if it could not be read. */
  foundMs: number | null;
  setAtMs: number;
}

/** Holds the downtime limit that leases ask for on migrations that run from here, and puts it back when they end. */
export class DowntimeKeeper {
  readonly #uri: string;
  readonly #wanted: (vmUuid: string) => number | null;
  readonly #log: Logger;
  readonly #run: RunCommand;
  #held = new Map<string, Held>();

  constructor(uri: string, wanted: (vmUuid: string) => number | null, log: Logger, run: RunCommand = runCommand) {
    this.#uri = uri;
    this.#wanted = wanted;
    this.#log = log;
    this.#run = run;
  }

  /** To be called often for every migration from here. libvirt takes a limit only while the migration is active. */
  async tend(view: MigrationView): Promise<void> {
    // What was set ends with its migration: libvirt then gives QEMU its own value back.
    if (view.status === 'setup') this.#held.delete(view.vmUuid);
    if (view.status !== 'active') return;
    const held = this.#held.get(view.vmUuid);
    const wantedMs = this.#wanted(view.vmUuid);
    const nowMs = performance.now();
    try {
      if (wantedMs !== null && (held === undefined || nowMs - held.setAtMs >= REPEAT_MS)) {
        this.#held.set(view.vmUuid, { foundMs: held?.foundMs ?? null, setAtMs: nowMs });
        const foundMs = held === undefined ? await this.#read(view.vmUuid) : held.foundMs;
        this.#held.set(view.vmUuid, { foundMs, setAtMs: nowMs });
        await this.#set(view.vmUuid, wantedMs);
      }
      if (wantedMs === null && held !== undefined) {
        this.#held.delete(view.vmUuid);
        if (held.foundMs !== null) await this.#set(view.vmUuid, held.foundMs);
      }
    } catch (error) {
      this.#log.debug({ vmUuid: view.vmUuid, error: describeError(error) }, 'The downtime limit was not taken');
    }
  }

  async #read(vmUuid: string): Promise<number | null> {
    const text = await this.#run('virsh', ['-q', '-c', this.#uri, 'migrate-getmaxdowntime', vmUuid]);
    const ms = Number(text.trim());
    return Number.isInteger(ms) && ms > 0 ? ms : null;
  }

  async #set(vmUuid: string, ms: number): Promise<void> {
    await this.#run('virsh', ['-q', '-c', this.#uri, 'migrate-setmaxdowntime', vmUuid, String(ms)]);
  }
}
