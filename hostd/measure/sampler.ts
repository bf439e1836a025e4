import type { Logger } from 'pino';
import type { HistoryAnswer, HostSample, VmSample } from '../contract.ts';
import { describeError, HostdError } from '../errors.ts';
import { bootTimeMs } from '../native.ts';
import type { OwnBytes } from './count/method.ts';
import { portName } from './count/netlink.ts';
import type { Counters } from './counters.ts';
import { type Domain, postCopyBlockers } from './domain.ts';
import { History, type VmFigures } from './history.ts';
import { bitsPerSecond, Growth, isUsable, TapMeters } from './rates.ts';

/** A sample without what the leases say. */
export type MeasuredSample = Omit<HostSample, 'reserved'>;

export interface SamplerOptions {
  host: string;
  windowMs: number;
  counters: Counters;
  domains: () => Domain[];
  /** The last measurement of a VM's dirty rate with each window. */
  dirty: (vmUuid: string) => VmSample['dirtyWindows'];
  residentBytes: (vmUuid: string) => number | null;
}

const READ_EVERY_MS = 1000;
/** The first rates are there with the first answer: two readings this far apart are made at the start. */
const FIRST_INTERVAL_MS = 200;
/** Interfaces are looked at anew this often even if no tap appeared: VLANs and tunnels come and go too. */
const FOLLOW_EVERY_MS = 10_000;
/** A sample older than this is an error instead of an answer. */
const STALE_MS = 10_000;

/** Reads all counters once a second; answers with mean rates over the window and with the last 10 minutes. */
export class Sampler {
  /** Why the last reading failed, null if it did not. */
  problem: string | null = null;
  readonly #options: SamplerOptions;
  readonly #log: Logger;
  readonly #history = new History();
  readonly #meters = new TapMeters();
  readonly #growth = {
    tx: new Growth(),
    rx: new Growth(),
    migrationTx: new Growth(),
    migrationRx: new Growth(),
    controlTx: new Growth(),
    controlRx: new Growth(),
  };
  readonly #listeners = new Set<() => void>();
  #knownTaps = new Set<string>();
  #followedAtMs = Number.NEGATIVE_INFINITY;
  /** Boot time of the last reading. */
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Boot time of the reading that the next one is compared with; NaN: none, for what it saw may be incomplete. */
  #baseMs = Number.NaN;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | null = null;

  constructor(options: SamplerOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  async start(): Promise<void> {
    await this.#read();
    await new Promise((resolve) => setTimeout(resolve, FIRST_INTERVAL_MS));
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
    this.#options.counters.close();
  }

  /**
   * @throws HostdError `sample-unavailable` while nothing could be read for 10 s, and for a second after the host was
   * suspended or the counters were made anew: then nothing is known of the last seconds.
   */
  sample(): MeasuredSample {
    const ageMs = bootTimeMs() - this.#lastMs;
    if (ageMs > STALE_MS) {
      throw new HostdError('sample-unavailable', `No counters were read: ${this.problem ?? 'hostd just started'}.`);
    }
    const sinceMs = this.#lastMs - this.#options.windowMs;
    const nic = this.#history.nicMean(sinceMs);
    if (nic === null) {
      throw new HostdError('sample-unavailable', 'There are no two readings yet that can be compared. Ask again.');
    }
    return {
      host: this.#options.host,
      nowMs: Date.now(),
      ageMs,
      windowMs: this.#history.coveredMs(sinceMs),
      nic,
      vms: this.#options.domains().map((domain) => this.#vm(domain, sinceMs)),
    };
  }

  /** Readings of the last `seconds` (at most 600), oldest first, with those of these VMs that were there. */
  history(seconds: number, vmUuids: readonly string[]): HistoryAnswer {
    const entries = this.#history.entries(bootTimeMs() - seconds * 1000, vmUuids);
    return { host: this.#options.host, nowMs: Date.now(), entries };
  }

  /** `listener` is called after each reading, until the returned function is called. `sample` may throw then. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #vm(domain: Domain, sinceMs: number): VmSample {
    const { counters } = this.#options;
    const mean = this.#history.vmMean(domain.uuid, sinceMs);
    const dirtyWindows = this.#options.dirty(domain.uuid);
    const dirtyRates = dirtyWindows.map(({ bytesPerSecond }) => bytesPerSecond);
    return {
      vmUuid: domain.uuid,
      domain: domain.name,
      taps: domain.taps,
      memoryBytes: domain.memoryBytes,
      residentBytes: domain.hugePages === false ? this.#options.residentBytes(domain.uuid) : null,
      txBitsPerSecond: mean?.tx ?? 0,
      rxBitsPerSecond: mean?.rx ?? 0,
      localTrafficIncluded: domain.taps.some((tap) => counters.includesLocalTraffic(portName(tap))),
      dirtyBytesPerSecond: dirtyRates.length === 0 ? null : Math.max(...dirtyRates),
      dirtyWindows,
      postCopyBlockers: postCopyBlockers(domain),
    };
  }

  async #read(): Promise<void> {
    try {
      await this.#follow();
      await this.#count();
      this.problem = null;
    } catch (error) {
      const problem = `Counters cannot be read: ${describeError(error)}`;
      if (this.problem !== problem) this.#log.warn({ problem }, 'Cannot read the counters');
      this.problem = problem;
      // Some counters may have been read and some not: the next reading is compared with none before.
      this.#baseMs = Number.NaN;
      this.#followedAtMs = Number.NEGATIVE_INFINITY;
    }
    for (const listener of [...this.#listeners]) listener();
  }

  /** Has the rules in step with the interfaces before they are read. */
  async #follow(): Promise<void> {
    const taps = this.#options.domains().flatMap((domain) => domain.taps);
    const isNew = taps.some((tap) => !this.#knownTaps.has(tap));
    const nowMs = bootTimeMs();
    if (!isNew && nowMs - this.#followedAtMs < FOLLOW_EVERY_MS) return;
    await this.#options.counters.follow(taps.map(portName));
    this.#knownTaps = new Set(taps);
    this.#followedAtMs = nowMs;
  }

  async #count(): Promise<void> {
    const { counters, windowMs } = this.#options;
    const reading = await counters.read(this.#meters);
    const device = counters.nic();
    const atMs = bootTimeMs();
    const intervalMs = atMs - this.#baseMs;
    this.#baseMs = atMs;
    this.#lastMs = atMs;
    const growth = this.#growth;
    const nicEpoch = String(device.index);
    const own = (name: keyof OwnBytes, each: Growth) => each.next(reading.own?.[name] ?? 0, reading.epoch);
    const grown = {
      tx: growth.tx.next(device.txBytes, nicEpoch),
      rx: growth.rx.next(device.rxBytes, nicEpoch),
      migrationTx: own('migration_tx', growth.migrationTx),
      migrationRx: own('migration_rx', growth.migrationRx),
      controlTx: own('control_tx', growth.controlTx),
      controlRx: own('control_rx', growth.controlRx),
    };
    if (!isUsable(intervalMs, windowMs, READ_EVERY_MS)) return;
    for (const bytes of Object.values(grown)) if (Number.isNaN(bytes)) return;
    const rate = (bytes: number) => bitsPerSecond(bytes, intervalMs);
    this.#history.add(atMs, Date.now(), intervalMs, {
      tx: rate(grown.tx),
      rx: rate(grown.rx),
      migrationTx: rate(grown.migrationTx),
      migrationRx: rate(grown.migrationRx),
      controlTx: rate(grown.controlTx),
      controlRx: rate(grown.controlRx),
    });
    for (const domain of this.#options.domains()) {
      const { tx, rx } = this.#vmGrowth(domain);
      this.#history.addVm(domain.uuid, rate(tx), rate(rx));
    }
  }

  #vmGrowth({ taps }: Domain): VmFigures {
    let tx = 0;
    let rx = 0;
    for (const tap of taps) {
      const grown = this.#meters.grown(portName(tap));
      tx += grown.tx;
      rx += grown.rx;
    }
    return Number.isNaN(tx + rx) ? { tx: Number.NaN, rx: Number.NaN } : { tx, rx };
  }
}
