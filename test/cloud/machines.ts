import { randomUUID } from 'node:crypto';
import type { Random } from '../random.ts';
import type { Ledger, Moment, Taken } from './ledger.ts';

export interface Machine {
  id: string;
  name: string;
  host: string;
  metadata: Record<string, string>;
  taskState: 'migrating' | null;
  actions: { action: string; requestId: string; startedAtMs: number; by: Taken['by'] }[];
}

export interface MachineMigration {
  id: number;
  uuid: string;
  machine: Machine;
  by: Taken['by'];
  source: string;
  /** Null until the scheduler has chosen. */
  destination: string | null;
  status: string;
  createdAtMs: number;
  updatedAtMs: number;
  /** Since then QEMU sends, as both hosts see it. */
  runningAtMs: number | null;
  /** So long it runs, where that was asked for. */
  runsForMs: number | null;
  postCopyAtMs: number | null;
  endedAtMs: number | null;
}

/** How long each step takes, in ms: [least, most]. Nova's own take about ten times as long. */
const RECORD_MS = [20, 150] as const;
const QUEUE_MS = [10, 60] as const;
const PREPARE_MS = [20, 100] as const;
const RUN_MS = [100, 900] as const;
const POST_COPY_MS = [50, 300] as const;
const FORCE_MS = [20, 120] as const;
const FAILS_IN_CHECKS = 0.04;
const FAILS_RUNNING = 0.05;
/** Of each server. */
export const MEMORY_MB = 256;
const FINAL = ['completed', 'failed', 'error', 'cancelled'];

export type TakeAnswer = { taken: Taken } | { refused: 404 | 409 | 400 | 403; message: string };

/** The servers of a Nova double, their live migrations, and the ledger of what was asked for. */
export class Machines {
  readonly machines = new Map<string, Machine>();
  readonly migrations: MachineMigration[] = [];
  readonly ledger: Ledger = { taken: [], overlaps: [], turnedAway: 0, faults: 0 };
  readonly hosts: readonly string[];
  readonly #random: Random;
  readonly #moment: (moment: Moment) => void;
  /** Servers that a host has room for. */
  capacity = 1000;
  /** A status that nova-api answers to who names this host, null: it takes it. */
  refuses: (host: string) => 400 | 403 | null = () => null;
  /** Whether the scheduler lets a server go to this host. */
  accepts: (host: string) => boolean = () => true;
  /** Called at every change that a hostd would see. */
  changed: () => void = () => {};

  readonly #runMs: readonly [number, number] | undefined;

  constructor(
    hosts: readonly string[],
    count: number,
    random: Random,
    moment: (moment: Moment) => void,
    runMs?: readonly [number, number],
  ) {
    this.#runMs = runMs;
    this.hosts = hosts;
    this.#random = random;
    this.#moment = moment;
    const priorities = ['high', 'medium', 'low'];
    for (let n = 0; n < count; n += 1) {
      const id = `6f1c3d0e-7d7f-4d57-8f67-${n.toString(16).padStart(12, '0')}`;
      this.machines.set(id, {
        id,
        name: `vm-${n}`,
        host: hosts[n % hosts.length] ?? '',
        metadata: { 'drover:priority': priorities[n % 3] ?? 'low' },
        taskState: null,
        actions: [],
      });
    }
  }

  /** Takes a live migration as nova-api does: checks, task state, action; the rest follows by itself. */
  take(id: string, host: string | null, by: Taken['by'], tag: string | null): TakeAnswer {
    const machine = this.machines.get(id);
    if (!machine) return { refused: 404, message: `Instance ${id} could not be found.` };
    if (machine.taskState !== null) {
      this.ledger.overlaps.push({ vmUuid: id, by, tag, atMs: Date.now() });
      const message = `Cannot 'os-migrateLive' instance ${id} while it is in task_state ${machine.taskState}`;
      return { refused: 409, message };
    }
    if (host !== null && !this.hosts.includes(host)) {
      return { refused: 400, message: `Compute host ${host} could not be found.` };
    }
    const status = host === null ? null : this.refuses(host);
    if (status !== null) return { refused: status, message: `Policy does not allow ${host}.` };
    machine.taskState = 'migrating';
    const requestId = `req-${randomUUID()}`;
    const nowMs = Date.now();
    machine.actions.unshift({ action: 'live-migration', requestId, startedAtMs: nowMs, by });
    const open = { migrationId: null, end: null, endedAtMs: null };
    const taken: Taken = { vmUuid: id, by, tag, requestId, takenAtMs: nowMs, ...open };
    this.ledger.taken.push(taken);
    this.#moment('migrate-taken');
    void this.#carryOut(machine, taken, host);
    return { taken };
  }

  /** As nova's live_migrate_force_complete: the switch itself comes a little later. */
  forceComplete(id: string, migrationId: number): 202 | 400 | 404 | 409 {
    const migration = this.#find(id, migrationId);
    if (!migration) return 404;
    if (FINAL.includes(migration.status)) return 409;
    if (migration.status !== 'running') return 400;
    void this.#after(FORCE_MS).then(() => {
      if (migration.status !== 'running') return;
      migration.postCopyAtMs = Date.now();
      this.#set(migration, 'running (post-copy)');
    });
    this.#moment('force-taken');
    return 202;
  }

  abort(id: string, migrationId: number): 202 | 400 | 404 | 409 {
    const migration = this.#find(id, migrationId);
    if (!migration) return 404;
    if (FINAL.includes(migration.status)) return 409;
    if (migration.status === 'running (post-copy)') return 400;
    this.#end(migration, 'cancelled');
    return 202;
  }

  /** For so many more servers; what is on its way there has its place already. */
  roomOn(host: string): number {
    const here = [...this.machines.values()].filter((machine) => machine.host === host).length;
    const coming = this.migrations.filter(({ endedAtMs, destination }) => endedAtMs === null && destination === host);
    return this.capacity - here - coming.length;
  }

  /** The host on which a server itself has its place; while it is on its way its migration has that at the source. */
  placeOf({ id, host }: Machine): string {
    const flight = this.migrations.find(({ machine, endedAtMs }) => machine.id === id && endedAtMs === null);
    return flight?.destination ?? host;
  }

  #find(id: string, migrationId: number): MachineMigration | undefined {
    return this.migrations.find((migration) => migration.id === migrationId && migration.machine.id === id);
  }

  async #carryOut(machine: Machine, taken: Taken, wanted: string | null): Promise<void> {
    await this.#after(RECORD_MS);
    const isOpen = (host: string) => host !== machine.host && this.roomOn(host) > 0 && this.accepts(host);
    const others = this.hosts.filter(isOpen);
    const chosen = wanted ?? (others.length === 0 ? null : this.#random.pick(others as [string, ...string[]]));
    const nowMs = Date.now();
    const migration: MachineMigration = {
      id: this.migrations.length + 1,
      uuid: randomUUID(),
      machine,
      by: taken.by,
      source: machine.host,
      destination: null,
      status: 'accepted',
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      runningAtMs: null,
      runsForMs: this.#runMs ? this.#random.whole(...this.#runMs) : null,
      postCopyAtMs: null,
      endedAtMs: null,
    };
    this.migrations.push(migration);
    taken.migrationId = migration.id;
    this.#moment('recorded');
    await this.#after(QUEUE_MS);
    const fails = (share: number) => this.#runMs === undefined && this.#random.chance(share);
    if (chosen === null || !isOpen(chosen) || fails(FAILS_IN_CHECKS)) return this.#end(migration, 'error');
    migration.destination = chosen;
    this.#set(migration, 'queued');
    await this.#after(QUEUE_MS);
    this.#set(migration, 'preparing');
    await this.#after(PREPARE_MS);
    this.#set(migration, 'running');
    if (migration.endedAtMs === null) migration.runningAtMs = Date.now();
    this.changed();
    this.#moment('running');
    await this.#after(migration.runsForMs === null ? RUN_MS : [migration.runsForMs, migration.runsForMs]);
    if (migration.status === 'running (post-copy)') await this.#after(POST_COPY_MS);
    this.#end(migration, fails(FAILS_RUNNING) ? 'failed' : 'completed');
  }

  #set(migration: MachineMigration, status: string): void {
    if (migration.endedAtMs !== null) return;
    migration.status = status;
    migration.updatedAtMs = Date.now();
    this.changed();
  }

  #end(migration: MachineMigration, status: NonNullable<Taken['end']>): void {
    if (migration.endedAtMs !== null) return;
    this.#set(migration, status);
    migration.endedAtMs = Date.now();
    const { machine } = migration;
    if (status === 'completed' && migration.destination !== null) machine.host = migration.destination;
    machine.taskState = null;
    const taken = this.ledger.taken.find(({ migrationId }) => migrationId === migration.id);
    if (taken) Object.assign(taken, { end: status, endedAtMs: migration.endedAtMs });
    this.changed();
    this.#moment('ended');
  }

  #after([least, most]: readonly [number, number]): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.#random.whole(least, most)));
  }
}
