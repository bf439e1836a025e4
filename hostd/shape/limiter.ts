import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { MigrationView } from '../contract.ts';
import { describeError } from '../errors.ts';
import type { Virsh } from '../libvirt/virsh.ts';
import type { GuestLimits } from './combine.ts';
import { removeFile, writeDurably } from './durable.ts';
import {
  type GuestSettings,
  isEmpty,
  parseSettings,
  readCommands,
  sameSettings,
  setCommands,
  stepGuest,
  wantedSettings,
} from './guest.ts';

export interface LimiterOptions {
  virsh: Virsh;
  stateDir: string;
  bootId: string;
  /** What the leases ask for now. */
  wanted: (vmUuid: string) => GuestLimits;
  /** The migrations that run from here; null while that is not known. */
  migrating: () => readonly MigrationView[] | null;
  /** Whether libvirt has this domain, asked anew; null if it does not answer. */
  running: (vmUuid: string) => Promise<boolean | null>;
}

const LOOK_MS = 200;
/** Nova overrides the downtime at each of its own steps (nova/virt/libvirt/migration.py, downtime_steps): set it again. */
const REPEAT_MS = 2000;
/** So long a guest that is here may refuse its limits before somebody is told: jobs of libvirt end meanwhile. */
const PATIENCE_MS = 10_000;

const Settings = z.object({
  downtimeMs: z.number().optional(),
  speedMebibytes: z.number().optional(),
  postCopySpeedMebibytes: z.number().optional(),
});
const GuestsFile = z.object({ bootId: z.string(), guests: z.record(z.uuid(), Settings) });

interface Tended {
  /** What was wanted and the migration's status when it was last looked after. */
  key: string;
  atMs: number;
  failingSinceMs: number | null;
}

/**
 * Holds what leases ask for on the guests that migrate from here, QEMU's downtime limit and the limit of the stream, and
 * puts back what was found when the lease or the migration ends. What was found is on disk before the first change, so
 * that a hostd that was killed puts it back after its next start.
 *
 * libvirt 11.3 takes all three settings at any time, with and without a migration and `--postcopy` before post-copy
 * runs. It puts all three back itself about half a second after a migration was cancelled or failed; older versions
 * leave the speeds set. After a success the guest is gone from here with all of them.
 */
export class GuestLimiter {
  readonly #options: LimiterOptions;
  readonly #log: Logger;
  #found = new Map<string, GuestSettings>();
  #tended = new Map<string, Tended>();
  #busy = new Map<string, Promise<void>>();
  #writing: Promise<void> = Promise.resolve();
  #problems = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LimiterOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  async start(): Promise<void> {
    await mkdir(this.#options.stateDir, { recursive: true, mode: 0o700 });
    this.#found = await this.#read();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Leaves the limits: after a restart they go on like their leases. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#busy.values());
  }

  /**
   * Puts back, once, what was found on guests of which no lease asks anything any more: for a hostd that is down for good.
   * A guest that has left is forgotten, and one that refuses keeps no other from its own. @throws HostdError
   * `command-failed` if libvirt does not answer, and of the first guest that refused.
   */
  async putBackOnce(): Promise<void> {
    this.#found = await this.#read();
    const refused: unknown[] = [];
    for (const vmUuid of [...this.#found.keys()]) {
      if (!isEmpty(wantedSettings(this.#options.wanted(vmUuid)))) continue;
      // Throws where libvirt hangs: then the others are not waited for.
      if ((await this.#options.running(vmUuid)) === false) await this.#remember(vmUuid, {});
      else await this.#settle(vmUuid, {}, false).catch((error) => refused.push(error));
    }
    if (refused.length > 0) throw refused[0];
  }

  /** Why the limits of a guest are not as they should be, null if they are. */
  get problem(): string | null {
    const [first] = this.#problems.values();
    return first ?? null;
  }

  #look(): void {
    const { migrating, wanted } = this.#options;
    const views = migrating();
    if (views === null) return;
    const byVm = new Map(views.map((view) => [view.vmUuid, view]));
    for (const vmUuid of this.#tended.keys()) {
      if (!byVm.has(vmUuid) && !this.#found.has(vmUuid)) this.#forget(vmUuid);
    }
    for (const vmUuid of new Set([...byVm.keys(), ...this.#found.keys()])) {
      const view = byVm.get(vmUuid);
      const settings = view === undefined ? {} : wantedSettings(wanted(vmUuid));
      if (this.#busy.has(vmUuid) || (isEmpty(settings) && !this.#found.has(vmUuid))) continue;
      const key = JSON.stringify([view?.status ?? null, settings]);
      const last = this.#tended.get(vmUuid);
      const nowMs = performance.now();
      if (last?.key === key && nowMs - last.atMs < REPEAT_MS) continue;
      this.#tended.set(vmUuid, { key, atMs: nowMs, failingSinceMs: last?.failingSinceMs ?? null });
      this.#busy.set(
        vmUuid,
        this.#tend(vmUuid, settings, view !== undefined).finally(() => this.#busy.delete(vmUuid)),
      );
    }
  }

  async #tend(vmUuid: string, wanted: GuestSettings, migrates: boolean): Promise<void> {
    try {
      await this.#settle(vmUuid, wanted, migrates);
      this.#problems.delete(vmUuid);
      const tended = this.#tended.get(vmUuid);
      if (tended !== undefined) tended.failingSinceMs = null;
    } catch (error) {
      await this.#failed(vmUuid, error);
    }
  }

  async #settle(vmUuid: string, wanted: GuestSettings, migrates: boolean): Promise<void> {
    const { virsh } = this.#options;
    const known = this.#found.get(vmUuid) ?? {};
    // With its end libvirt gives the guest the downtime limit of before the migration; what was found may be Nova's.
    const found = migrates ? known : { ...known, downtimeMs: undefined };
    const now = parseSettings(await virsh.batch(readCommands(vmUuid)));
    if (isEmpty(now)) throw new Error('libvirt does not tell its limits');
    const step = stepGuest(found, wanted, now);
    if (!sameSettings(step.record, known) && migrates) await this.#remember(vmUuid, step.record);
    for (const command of setCommands(vmUuid, step.set)) await virsh.one(...command);
    if (!isEmpty(step.set)) this.#log.debug({ vmUuid, found: step.record, set: step.set }, "A guest's limits were set");
    if (!sameSettings(step.keep, this.#found.get(vmUuid) ?? {})) await this.#remember(vmUuid, step.keep);
  }

  async #failed(vmUuid: string, error: unknown): Promise<void> {
    const what = describeError(error);
    this.#log.debug({ vmUuid, error: what }, "A guest's limits were not taken");
    if ((await this.#options.running(vmUuid)) === false) {
      // It has left with its limits.
      this.#problems.delete(vmUuid);
      await this.#remember(vmUuid, {}).catch((cause) =>
        this.#log.error({ error: describeError(cause) }, 'Cannot write'),
      );
      return;
    }
    const nowMs = performance.now();
    const tended = this.#tended.get(vmUuid);
    if (tended === undefined) return;
    tended.failingSinceMs ??= nowMs;
    if (nowMs - tended.failingSinceMs < PATIENCE_MS) return;
    if (!this.#problems.has(vmUuid)) this.#log.warn({ vmUuid, error: what }, "A guest's limits cannot be set");
    this.#problems.set(vmUuid, `The migration limits of ${vmUuid} are not as its leases say: ${what}`);
  }

  #forget(vmUuid: string): void {
    this.#tended.delete(vmUuid);
    this.#problems.delete(vmUuid);
  }

  /** On disk first; a record that could not be written is as it was. */
  #remember(vmUuid: string, settings: GuestSettings): Promise<void> {
    const turn = this.#writing.then(async () => {
      const next = new Map(this.#found);
      if (isEmpty(settings)) next.delete(vmUuid);
      else next.set(vmUuid, settings);
      await this.#write(next);
      this.#found = next;
    });
    this.#writing = turn.catch(() => undefined);
    return turn;
  }

  async #write(found: ReadonlyMap<string, GuestSettings>): Promise<void> {
    if (found.size === 0) return removeFile(this.#file());
    const { bootId } = this.#options;
    await writeDurably(this.#file(), JSON.stringify({ bootId, guests: Object.fromEntries(found) }));
  }

  /** After a reboot none of the guests is the one that was changed. */
  async #read(): Promise<Map<string, GuestSettings>> {
    let text: string;
    try {
      text = await readFile(this.#file(), 'utf8');
    } catch {
      return new Map();
    }
    try {
      const file = GuestsFile.parse(JSON.parse(text));
      return new Map(file.bootId === this.#options.bootId ? Object.entries(file.guests) : []);
    } catch (error) {
      this.#log.error(
        { file: this.#file(), error: describeError(error) },
        'What was found on guests is unreadable: their migration limits may have to be put back by hand',
      );
      return new Map();
    }
  }

  #file(): string {
    return join(this.#options.stateDir, 'guests.json');
  }
}
