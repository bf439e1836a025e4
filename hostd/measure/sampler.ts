import type { Logger } from 'pino';
import type { HistoryAnswer, HostSample, VmSample } from '../contract.ts';
import { describeError, HostdError } from '../errors.ts';
import { installCounters, readNftCounters, readNicCounters } from './counters.ts';
import { type Domain, postCopyBlockers } from './domain.ts';
import { History } from './history.ts';
import { type MigrationMatch, pairKey } from './netfilter.ts';
import { addReading, coveredMs, meanRates, type Reading } from './rates.ts';

/** A sample without what the leases say. */
export type MeasuredSample = Omit<HostSample, 'reserved'>;

export interface SamplerOptions {
  host: string;
  nic: string;
  windowMs: number;
  match: MigrationMatch;
  domains: () => Domain[];
}

const READ_EVERY_MS = 1000;
/** A sample older than this is an error instead of an answer. */
const STALE_MS = 10_000;

/** Reads all counters once a second and answers with mean rates over the window. */
export class Sampler {
  /** Why the last reading failed, null if it did not. */
  problem: string | null = null;
  readonly #options: SamplerOptions;
  readonly #log: Logger;
  #nic: Reading[] = [];
  #pairs: Reading[] = [];
  #epoch = 0;
  #installed = false;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | null = null;
  readonly #history = new History();
  readonly #listeners = new Set<() => void>();

  constructor(options: SamplerOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  async start(): Promise<void> {
    await this.#read();
    this.#timer = setInterval(() => {
      // A reading that takes longer than its turn is not joined by a second one.
      this.#reading ??= this.#read().finally(() => {
        this.#reading = null;
      });
    }, READ_EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#reading;
  }

  /** @throws HostdError `sample-unavailable` while nothing could be read for 10 s. */
  sample(): MeasuredSample {
    const last = this.#nic.at(-1);
    const ageMs = last === undefined ? Number.POSITIVE_INFINITY : performance.now() - last.atMs;
    if (ageMs > STALE_MS) {
      throw new HostdError(
        'sample-unavailable',
        `No counters were read for 10 s: ${this.problem ?? 'hostd just started'}.`,
      );
    }
    const nic = meanRates(this.#nic, 'unknown');
    const pairs = meanRates(this.#pairs, 'zero');
    const rate = (name: string) => nic.get(name) ?? 0;
    return {
      host: this.#options.host,
      nowMs: Date.now(),
      ageMs,
      windowMs: coveredMs(this.#nic),
      nic: {
        txBitsPerSecond: rate('tx'),
        rxBitsPerSecond: rate('rx'),
        migrationTxBitsPerSecond: rate('migrationTx'),
        migrationRxBitsPerSecond: rate('migrationRx'),
        controlTxBitsPerSecond: 0,
        controlRxBitsPerSecond: 0,
        // The two counters are not read at the same instant: the difference may fall below nothing.
        workloadTxBitsPerSecond: Math.max(0, rate('tx') - rate('migrationTx')),
        workloadRxBitsPerSecond: Math.max(0, rate('rx') - rate('migrationRx')),
      },
      vms: this.#options.domains().map((domain) => this.#vm(domain, pairs)),
    };
  }

  /** Readings of the last `seconds` (at most 600), oldest first, with those of these VMs that were there. */
  history(seconds: number, vmUuids: readonly string[]): HistoryAnswer {
    const entries = this.#history.entries(performance.now() - seconds * 1000, vmUuids);
    return { host: this.#options.host, nowMs: Date.now(), entries };
  }

  /** `listener` is called after each reading, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #record(): void {
    const nic = meanRates(this.#nic.slice(-2), 'unknown');
    const [before, last] = this.#nic.slice(-2);
    if (before === undefined || last === undefined || !nic.has('tx') || !nic.has('rx')) return;
    const rate = (name: string) => nic.get(name) ?? 0;
    this.#history.add(last.atMs, Date.now(), last.atMs - before.atMs, {
      tx: rate('tx'),
      rx: rate('rx'),
      migrationTx: rate('migrationTx'),
      migrationRx: rate('migrationRx'),
      controlTx: 0,
      controlRx: 0,
    });
    const pairs = meanRates(this.#pairs.slice(-2), 'zero');
    for (const domain of this.#options.domains()) {
      const vm = this.#vm(domain, pairs);
      this.#history.addVm(domain.uuid, vm.txBitsPerSecond, vm.rxBitsPerSecond);
    }
  }

  #vm(domain: Domain, pairs: Map<string, number>): VmSample {
    const { nic } = this.#options;
    let tx = 0;
    let rx = 0;
    for (const tap of domain.taps) {
      tx += pairs.get(pairKey(tap, nic)) ?? 0;
      rx += pairs.get(pairKey(nic, tap)) ?? 0;
    }
    return {
      vmUuid: domain.uuid,
      domain: domain.name,
      taps: domain.taps,
      memoryBytes: domain.memoryBytes,
      txBitsPerSecond: tx,
      rxBitsPerSecond: rx,
      localTrafficIncluded: false,
      dirtyBytesPerSecond: null,
      dirtyWindows: [],
      postCopyBlockers: postCopyBlockers(domain),
    };
  }

  async #read(): Promise<void> {
    const { nic, windowMs, match } = this.#options;
    try {
      if (!this.#installed) {
        await installCounters(match);
        this.#installed = true;
        // Counters made anew start at nothing: no difference to older readings may be taken.
        this.#epoch += 1;
      }
      const [counters, device] = await Promise.all([readNftCounters(), readNicCounters(nic)]);
      const atMs = performance.now();
      const epoch = String(this.#epoch);
      const bytes = new Map([
        ['tx', device.txBytes],
        ['rx', device.rxBytes],
        ['migrationTx', counters.migrationTxBytes],
        ['migrationRx', counters.migrationRxBytes],
      ]);
      this.#nic = addReading(this.#nic, { atMs, epoch, bytes }, windowMs);
      this.#pairs = addReading(this.#pairs, { atMs, epoch, bytes: counters.pairs }, windowMs);
      this.problem = null;
      this.#record();
      for (const listener of [...this.#listeners]) listener();
    } catch (error) {
      const problem = `Counters cannot be read: ${describeError(error)}`;
      if (this.problem !== problem) this.#log.warn({ problem }, 'Cannot read the counters');
      this.problem = problem;
      // Somebody may have flushed the ruleset: the next turn makes the tables again.
      this.#installed = false;
    }
  }
}
