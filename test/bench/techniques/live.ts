/** The grid on the OpenStack lab: real plugin, real hostds, real Nova and QEMU; only the table of the policy is constant. */
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationRecord } from '../../../plugin/contract.ts';
import { DROVER_ENDPOINT, Drover, shippedPolicy } from '../../lab/drover.ts';
import { boot, deleteGuest, dirtyMemory, type Guest, hostOf } from '../../lab/guests.ts';
import { ensureLab, type Lab } from '../../lab/lab.ts';
import { changedPolicy } from '../../lab/policy.ts';
import { guestReceives, guestSends, hostTraffic, pingGaps, type Running } from '../../lab/traffic.ts';
import { type LabRun, readLabRuns } from '../predict/lab.ts';
import { LIVE_CELLS } from './cells.ts';
import type { Cell } from './grid.ts';
import { type PlannedRun, runKey, schedule } from './schedule.ts';

export interface LiveOptions {
  file: string;
  labName: string;
  seed: number;
  rounds: number;
  limitMs: number;
  /** Ends after so many runs; the next start goes on from there. */
  most: number;
}

const MEBIBYTES_PER_SECOND: Record<Cell['dirty'], number> = { none: 0, low: 6, high: 20 };
const DIRTY_MEBIBYTES = 64;
const GUEST_PREFIX = 'dirties-';
const HOST_MEGABITS = 250;
/** hostd's rates are means of 5 s. */
const WARM_UP_MS = 7000;
/** The first measurement of the dirty rate in both windows. */
const FIRST_DIRTY_RATE_MS = 25_000;
const ABORT_WITHIN_MS = 120_000;
const ENDED: MigrationRecord['state'][] = ['completed', 'failed', 'aborted'];
const MOST_FAULTS = 10;

/** Runs what the file does not hold yet, and appends each run to it as soon as it is over. */
export async function runLive(options: LiveOptions): Promise<void> {
  const done = new Set(existsSync(options.file) ? readLabRuns(options.file).map(runKey) : []);
  const todo = schedule(LIVE_CELLS, options.rounds, options.seed).filter((run) => !done.has(runKey(run)));
  console.log(`seed ${options.seed}: ${done.size} runs are there, ${todo.length} to do, at most ${options.most} now`);
  if (todo.length === 0) return;
  const interrupted = interruption();
  const bench = await Bench.start(options);
  try {
    let faults = 0;
    for (const run of todo.slice(0, options.most)) {
      if (interrupted.aborted) break;
      const startedMs = Date.now();
      try {
        const result = await bench.run(run);
        appendFileSync(options.file, `${JSON.stringify(result)}\n`);
        const { outcome, censored, pingGapMs } = result;
        const figures = censored
          ? 'censored'
          : `TMT ${outcome?.totalMigrationTimeMs} ms, downtime ${outcome?.downtimeMs} ms`;
        const took = ((Date.now() - startedMs) / 1000).toFixed(0);
        console.log(`${runKey(run)}: ${figures}, longest ping gap ${pingGapMs} ms (${took} s)`);
      } catch (error) {
        faults += 1;
        console.error(
          `${runKey(run)}: fault ${faults}, to be run again: ${error instanceof Error ? error.message : error}`,
        );
        if (faults >= MOST_FAULTS) throw error;
        await bench.renew(run.cell.dirty);
      }
    }
  } finally {
    await bench.stop();
  }
}

/** The first SIGINT or SIGTERM lets the run that is on come to its end, and everything be taken away. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      console.log(`${signal}: ends after this run`);
      controller.abort();
    });
  }
  return controller.signal;
}

/** Lab, Drover, and one guest for each dirty rate. */
class Bench {
  readonly #options: LiveOptions;
  readonly #lab: Lab;
  readonly #drover: Drover;
  readonly #guests = new Map<Cell['dirty'], Guest>();

  private constructor(options: LiveOptions, lab: Lab) {
    this.#options = options;
    this.#lab = lab;
    this.#drover = new Drover(lab, policyFor('pre-copy', 'medium'), { dirtyRateEveryMs: 10_000 });
  }

  static async start(options: LiveOptions): Promise<Bench> {
    const bench = new Bench(options, await ensureLab(options.labName, { hosts: 2 }));
    await bench.#deleteLeftOver();
    await bench.#drover.start();
    for (const dirty of ['none', 'low', 'high'] as const) await bench.#boot(dirty);
    await sleep(FIRST_DIRTY_RATE_MS);
    return bench;
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.#guests.values()].map((guest) => deleteGuest(this.#lab, guest)));
    await this.#drover.stop();
    this.#lab.close();
  }

  /** Guests of a run that was killed. */
  async #deleteLeftOver(): Promise<void> {
    const { servers } = (await this.#lab.mustNova('GET', '/servers')).json;
    const mine = servers.filter(({ name }: { name: string }) => name.startsWith(GUEST_PREFIX));
    for (const { id, name } of mine) await deleteGuest(this.#lab, { id, name, portId: await this.#portOf(id) });
  }

  async #portOf(id: string): Promise<string> {
    const { interfaceAttachments } = (await this.#lab.mustNova('GET', `/servers/${id}/os-interface`)).json;
    return interfaceAttachments[0]?.port_id ?? '';
  }

  async renew(dirty: Cell['dirty']): Promise<void> {
    const guest = this.#guests.get(dirty);
    if (guest) await deleteGuest(this.#lab, guest);
    await this.#boot(dirty);
    await sleep(FIRST_DIRTY_RATE_MS);
  }

  async run({ round, cell, technique }: PlannedRun): Promise<LabRun> {
    const { seed, limitMs } = this.#options;
    const guest = this.#guests.get(cell.dirty);
    if (!guest) throw new Error(`no guest that dirties ${cell.dirty}`);
    const source = await hostOf(this.#lab, guest);
    const destination = this.#lab.otherHost(source).name;
    const status = await this.#drover.setPolicy(policyFor(technique, cell.priority));
    if (status.refused) throw new Error(`the policy was refused: ${status.refused.errors.join('; ')}`);
    const traffic = await this.#traffic(cell, guest, source, destination);
    let pings: ReturnType<typeof pingGaps> | null = null;
    try {
      await sleep(WARM_UP_MS);
      pings = pingGaps(this.#lab, guest);
      const startedAt = new Date().toISOString();
      const { record, censored } = await this.#migrate(guest, destination, limitMs);
      const gaps = await pings.stop();
      pings = null;
      const { decision, outcome, state } = record;
      if (!decision?.features) throw new Error(`decided without features: ${JSON.stringify(decision?.reasons)}`);
      // A gate that closes would make all of them pre-copies.
      if (decision.technique !== technique) {
        const why = decision.reasons.map(({ text }) => text).join('; ');
        throw new Error(`decided as ${decision.technique} instead of ${technique}: ${why}`);
      }
      if (state === 'failed') throw new Error(`failed: ${record.stateReason?.text}`);
      return {
        seed,
        round,
        cell,
        technique,
        startedAt,
        source,
        destination,
        features: decision.features,
        censored,
        limitMs,
        outcome,
        pingGapMs: gaps.received > 1 ? gaps.longestGapMs : null,
      };
    } finally {
      await pings?.stop();
      for (const each of traffic) await each.stop();
    }
  }

  async #boot(dirty: Cell['dirty']): Promise<void> {
    const guest = await boot(this.#lab, { name: `${GUEST_PREFIX}${dirty}`, host: 'compute-1' });
    this.#guests.set(dirty, guest);
    if (MEBIBYTES_PER_SECOND[dirty] > 0) {
      await dirtyMemory(this.#lab, guest, DIRTY_MEBIBYTES, MEBIBYTES_PER_SECOND[dirty]);
    }
  }

  async #traffic(cell: Cell, guest: Guest, source: string, destination: string): Promise<Running[]> {
    const { direction, hostTraffic: host } = cell;
    const started: Running[] = [];
    const megabitsPerSecond = HOST_MEGABITS;
    if (host === 'out' || host === 'both') {
      started.push(await hostTraffic(this.#lab, source, { direction: 'out', megabitsPerSecond }));
    }
    if (host === 'in' || host === 'both') {
      started.push(await hostTraffic(this.#lab, destination, { direction: 'in', megabitsPerSecond }));
    }
    if (direction === 'sends') started.push(await guestSends(this.#lab, guest));
    if (direction === 'receives') started.push(await guestReceives(this.#lab, guest));
    return started;
  }

  /** A pre-copy beyond the limit is aborted; a post-copy cannot be, it is seen to its end. */
  async #migrate(guest: Guest, host: string, limitMs: number): Promise<{ record: MigrationRecord; censored: boolean }> {
    const body = { 'os-migrateLive': { host, block_migration: 'auto' } };
    const answer = await this.#lab.rest.call('POST', `${DROVER_ENDPOINT}/servers/${guest.id}/action`, { body });
    if (answer.status !== 202) throw new Error(`Drover answered ${answer.status} ${answer.body}`);
    const endsMs = Date.now() + limitMs;
    for (;;) {
      const record = (await this.#drover.migrations()).find((each) => each.vmUuid === guest.id);
      if (record && ENDED.includes(record.state)) return { record, censored: false };
      if (Date.now() > endsMs) {
        if (record?.novaMigrationId != null) {
          await this.#lab.nova('DELETE', `/servers/${guest.id}/migrations/${record.novaMigrationId}`);
        }
        return { record: await this.#drover.migrationOf(guest.id, ENDED, ABORT_WITHIN_MS), censored: true };
      }
      await sleep(100);
    }
  }
}

function policyFor(technique: PlannedRun['technique'], priority: Cell['priority']): string {
  return changedPolicy(shippedPolicy('default.yaml'), {
    technique,
    priorities: [{ name: '*', priority }],
    batchWindow: '100 ms',
  });
}
