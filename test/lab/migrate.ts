/** A live migration driven through Nova's own API, by technique: what the lab's tests compare the project with. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Guest, hostOf } from './guests.ts';
import type { Lab } from './lab.ts';
import { logPath } from './processes.ts';

export type Technique = 'pre-copy' | 'post-copy' | 'hybrid-copy';

/** Nova's status while post-copy runs. */
const POSTCOPY_STATUS = 'running (post-copy)';
const FINAL = ['completed', 'failed', 'error', 'cancelled'];
/** hybrid-copy switches when QEMU begins this pass over the memory. */
const HYBRID_PASS = 2;
const POLL_MS = 100;
/** As nova-compute logs it. */
const CLOUD_FAULT = /Failed to activate binding for port/;
/** Nova obeys in a loop of 0.5 s; a request that it lost is repeated after this time. */
const ASK_AGAIN_MS = 1500;

export interface MigrationEvidence {
  /** Nova's final status in os-migrations, and all that were seen on the way. */
  status: string;
  statuses: string[];
  source: string;
  destination: string;
  /** HTTP status of each force_complete that was sent. */
  forceCompletes: number[];
  /** QEMU's own, from its events on the source. */
  postcopyActive: boolean;
  passes: number;
  /** STOP on the source to RESUME on the destination, ms; undefined if one was not seen. */
  blackoutMs: number | undefined;
  /** QEMU's `setup` to `completed` on the source, ms. */
  totalMs: number | undefined;
}

export interface MigrateOptions {
  destination?: string;
  /** Default 120 s. */
  timeoutMs?: number;
}

interface QemuEvent {
  name: string;
  /** Unix time, ms. */
  at: number;
  data: Record<string, unknown>;
}

/** QEMU's events of a domain on a host, as libvirt relays them. */
class EventWatch {
  readonly events: QemuEvent[] = [];
  readonly #child: ChildProcess;
  readonly #domain: string;
  #rest = '';

  constructor(lab: Lab, host: string, domain: string) {
    this.#domain = domain;
    this.#child = lab.spawnOn(host, [
      'setpriv',
      '--pdeathsig',
      'TERM',
      'virsh',
      '-q',
      'qemu-monitor-event',
      '--loop',
      '--timestamp',
    ]);
    this.#child.stdout?.setEncoding('utf8').on('data', (text) => {
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) this.events.push(...parseEvent(line, this.#domain));
    });
  }

  find(name: string, status?: string): QemuEvent | undefined {
    return this.events.find((event) => event.name === name && (status === undefined || event.data.status === status));
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await ended;
  }
}

/**
 * How often, so far, Neutron failed to activate a port on the destination (seen about once in 45 migrations: it answers
 * 500). Nova then calls the migration failed after libvirt has finished it; a test may try again, and should say so.
 */
export function countCloudFaults(lab: Lab): number {
  const logs = lab.hosts.map((_, i) => logPath(lab.paths, `nova-compute-${i + 1}`)).filter(existsSync);
  return logs.reduce((sum, log) => sum + readFileSync(log, 'utf8').split(CLOUD_FAULT).length - 1, 0);
}

/** One line of `virsh qemu-monitor-event --timestamp`, if it is of this domain. Pure. */
export function parseEvent(line: string, domain: string): QemuEvent[] {
  const match = /^(\S+ [\d:.]+)([+-]\d{4})?: event (\w+) for domain '([^']+)'(?:: (.*))?$/.exec(line);
  if (match === null || match[4] !== domain) return [];
  const [, time = '', zone = '+0000', name = ''] = match;
  const data = match[5]?.startsWith('{') ? JSON.parse(match[5]) : {};
  return [{ name, at: Date.parse(`${time.replace(' ', 'T')}${zone}`), data }];
}

/**
 * Migrates a guest and watches Nova and QEMU.
 *
 * `force_complete` is lost for good if it comes before QEMU's migration is active (Nova's `running` comes earlier), so
 * it waits for QEMU's own event, then checks that Nova says `running (post-copy)`, and asks again if it does not.
 */
export async function liveMigrate(
  lab: Lab,
  guest: Guest,
  technique: Technique,
  options: MigrateOptions = {},
): Promise<MigrationEvidence> {
  const source = await hostOf(lab, guest);
  const destination = options.destination ?? lab.otherHost(source).name;
  const atSource = new EventWatch(lab, source, guest.domain);
  const atDestination = new EventWatch(lab, destination, guest.domain);
  try {
    await sleep(300); // virsh must have registered before the first event
    const before = await migrationIds(lab, guest);
    const action = { 'os-migrateLive': { host: destination, block_migration: 'auto' } };
    await lab.mustNova('POST', `/servers/${guest.id}/action`, action);
    const watched = await watch(lab, guest, technique, before, atSource, options.timeoutMs ?? 120_000);
    await sleep(500); // the last events
    const stop = atSource.find('STOP');
    const resume = atDestination.find('RESUME');
    const setup = atSource.find('MIGRATION', 'setup');
    const completed = atSource.find('MIGRATION', 'completed');
    const passes = atSource.events
      .filter((event) => event.name === 'MIGRATION_PASS')
      .map(({ data }) => Number(data.pass));
    return {
      ...watched,
      source,
      destination: await hostOf(lab, guest),
      postcopyActive: atSource.find('MIGRATION', 'postcopy-active') !== undefined,
      passes: Math.max(0, ...passes),
      blackoutMs: stop && resume && Math.round(resume.at - stop.at),
      totalMs: setup && completed && Math.round(completed.at - setup.at),
    };
  } finally {
    await Promise.all([atSource.stop(), atDestination.stop()]);
  }
}

async function watch(
  lab: Lab,
  guest: Guest,
  technique: Technique,
  before: Set<number>,
  source: EventWatch,
  timeoutMs: number,
): Promise<Pick<MigrationEvidence, 'status' | 'statuses' | 'forceCompletes'>> {
  const statuses: string[] = [];
  const forceCompletes: number[] = [];
  let askedAt = Number.NEGATIVE_INFINITY;
  for (const end = performance.now() + timeoutMs; performance.now() < end; await sleep(POLL_MS)) {
    const migration = (await listMigrations(lab, guest)).find(({ id }) => !before.has(id));
    if (migration === undefined) continue; // 0.1-0.3 s after the 202
    const { status } = migration;
    if (statuses.at(-1) !== status) statuses.push(status);
    if (FINAL.includes(status)) return { status, statuses, forceCompletes };
    const due = isSwitchDue(technique, source) && performance.now() - askedAt > ASK_AGAIN_MS;
    if (status !== 'running' || !due || statuses.includes(POSTCOPY_STATUS)) continue;
    const path = `/servers/${guest.id}/migrations/${migration.id}/action`;
    forceCompletes.push((await lab.nova('POST', path, { force_complete: null })).status);
    askedAt = performance.now();
  }
  throw new Error(`${guest.name}: migration not finished within ${timeoutMs} ms, seen ${statuses.join(', ')}`);
}

function isSwitchDue(technique: Technique, source: EventWatch): boolean {
  if (technique === 'post-copy') return source.find('MIGRATION', 'active') !== undefined;
  if (technique === 'pre-copy') return false;
  return source.events.some(({ name, data }) => name === 'MIGRATION_PASS' && Number(data.pass) >= HYBRID_PASS);
}

async function listMigrations(lab: Lab, guest: Guest): Promise<{ id: number; status: string }[]> {
  return (await lab.mustNova('GET', `/os-migrations?instance_uuid=${guest.id}`)).json.migrations;
}

async function migrationIds(lab: Lab, guest: Guest): Promise<Set<number>> {
  return new Set((await listMigrations(lab, guest)).map(({ id }) => id));
}
