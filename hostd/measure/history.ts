import type { NicRates } from '../contract.ts';

/** What one reading told of the NIC, in bit/s. Workload is what is left: tx − migrationTx − controlTx. */
export interface NicFigures {
  tx: number;
  rx: number;
  migrationTx: number;
  migrationRx: number;
  controlTx: number;
  controlRx: number;
}

export interface VmFigures {
  tx: number;
  rx: number;
}

const COLUMNS = ['tx', 'rx', 'migrationTx', 'migrationRx', 'controlTx', 'controlRx'] as const;
/** Ten minutes at one reading a second. */
export const HISTORY_READINGS = 600;
/** VMs that left stay until their last reading does, but no more of them than this: a host that churns stays bounded. */
const MAX_GONE = 500;
const FORGET_EVERY = 10;

/** Readings `first` to `last` of one VM; tx and rx side by side. NaN: it could not be measured then. */
interface Series {
  first: number;
  last: number;
  rates: Float32Array;
}

/**
 * A ring of the last readings: rates of the NIC and of every VM over the interval that ends with the reading. A VM takes
 * 8 bytes a reading (4.8 MB for 1,000 VMs and 600 readings); its page is only touched as the ring fills.
 */
export class History {
  readonly #capacity: number;
  readonly #atMs: Float64Array;
  readonly #unixMs: Float64Array;
  readonly #intervalMs: Float64Array;
  readonly #nic: Float64Array;
  readonly #vms = new Map<string, Series>();
  /** Number of the next reading; reading n stands at n modulo the capacity. */
  #next = 0;

  constructor(capacity = HISTORY_READINGS) {
    this.#capacity = capacity;
    this.#atMs = new Float64Array(capacity);
    this.#unixMs = new Float64Array(capacity);
    this.#intervalMs = new Float64Array(capacity);
    this.#nic = new Float64Array(capacity * COLUMNS.length);
  }

  /** VMs of which something is kept. */
  get size(): number {
    return this.#vms.size;
  }

  /** Begins the next reading; its VMs follow with `addVm`. `atMs` is monotonic, `unixMs` what a reader is shown. */
  add(atMs: number, unixMs: number, intervalMs: number, nic: NicFigures): void {
    const at = this.#next % this.#capacity;
    this.#next += 1;
    this.#atMs[at] = atMs;
    this.#unixMs[at] = unixMs;
    this.#intervalMs[at] = intervalMs;
    for (const [column, name] of COLUMNS.entries()) this.#nic[at * COLUMNS.length + column] = nic[name];
    this.#forget();
  }

  /** Rates of one VM in the newest reading; NaN where they could not be measured. */
  addVm(uuid: string, tx: number, rx: number): void {
    const reading = this.#next - 1;
    let series = this.#vms.get(uuid);
    if (series === undefined || series.last < this.#oldest()) {
      series = { first: reading, last: reading - 1, rates: new Float32Array(2 * this.#capacity) };
      this.#vms.set(uuid, series);
    }
    for (let missed = series.last + 1; missed < reading; missed += 1) this.#set(series, missed, Number.NaN, Number.NaN);
    this.#set(series, reading, tx, rx);
    series.last = reading;
  }

  /** Length of time that the readings after `sinceMs` (monotonic) cover. */
  coveredMs(sinceMs: number): number {
    let covered = 0;
    for (let n = this.#firstAfter(sinceMs); n < this.#next; n += 1) covered += this.#interval(n);
    return covered;
  }

  /** Mean over the readings after `sinceMs` (monotonic), null if there is none. */
  nicMean(sinceMs: number): NicRates | null {
    const sums = COLUMNS.map(() => 0);
    let covered = 0;
    for (let n = this.#firstAfter(sinceMs); n < this.#next; n += 1) {
      const ms = this.#interval(n);
      covered += ms;
      for (const column of COLUMNS.keys()) sums[column] = (sums[column] ?? 0) + ms * this.#nicAt(n, column);
    }
    return covered > 0 ? nicRates(sums.map((sum) => sum / covered)) : null;
  }

  /** Mean of one VM over those of the readings after `sinceMs` in which it was measured, null if there is none. */
  vmMean(uuid: string, sinceMs: number): VmFigures | null {
    const series = this.#vms.get(uuid);
    if (series === undefined) return null;
    let tx = 0;
    let rx = 0;
    let covered = 0;
    const last = Math.min(series.last, this.#next - 1);
    for (let n = Math.max(series.first, this.#firstAfter(sinceMs)); n <= last; n += 1) {
      const at = 2 * (n % this.#capacity);
      const rate = series.rates[at] ?? Number.NaN;
      if (Number.isNaN(rate)) continue;
      const ms = this.#interval(n);
      covered += ms;
      tx += ms * rate;
      rx += ms * (series.rates[at + 1] ?? 0);
    }
    return covered > 0 ? { tx: tx / covered, rx: rx / covered } : null;
  }

  /** The readings after `sinceMs` (monotonic), oldest first, with those of the VMs asked for that were there. */
  entries(sinceMs: number, uuids: readonly string[]) {
    const entries = [];
    for (let n = this.#firstAfter(sinceMs); n < this.#next; n += 1) {
      const at = n % this.#capacity;
      entries.push({
        atMs: this.#unixMs[at] ?? 0,
        nic: nicRates(COLUMNS.map((_, column) => this.#nicAt(n, column))),
        vms: uuids.flatMap((vmUuid) => this.#vmAt(vmUuid, n)),
      });
    }
    return entries;
  }

  #vmAt(vmUuid: string, n: number) {
    const series = this.#vms.get(vmUuid);
    if (series === undefined || n < series.first || n > series.last) return [];
    const at = 2 * (n % this.#capacity);
    const tx = series.rates[at] ?? Number.NaN;
    return Number.isNaN(tx) ? [] : [{ vmUuid, txBitsPerSecond: tx, rxBitsPerSecond: series.rates[at + 1] ?? 0 }];
  }

  #set(series: Series, n: number, tx: number, rx: number): void {
    const at = 2 * (n % this.#capacity);
    series.rates[at] = tx;
    series.rates[at + 1] = rx;
  }

  #oldest(): number {
    return Math.max(0, this.#next - this.#capacity);
  }

  #firstAfter(sinceMs: number): number {
    let n = this.#next;
    while (n > this.#oldest() && (this.#atMs[(n - 1) % this.#capacity] ?? 0) > sinceMs) n -= 1;
    return n;
  }

  #interval(n: number): number {
    return this.#intervalMs[n % this.#capacity] ?? 0;
  }

  #nicAt(n: number, column: number): number {
    return this.#nic[(n % this.#capacity) * COLUMNS.length + column] ?? 0;
  }

  /** Now and then: VMs whose last reading fell off, and of the others that left the oldest where they are too many. */
  #forget(): void {
    if (this.#next % FORGET_EVERY !== 0) return;
    const gone: [string, number][] = [];
    for (const [uuid, { last }] of this.#vms) {
      if (last < this.#oldest()) this.#vms.delete(uuid);
      else if (last < this.#next - FORGET_EVERY) gone.push([uuid, last]);
    }
    if (gone.length <= MAX_GONE) return;
    gone.sort(([, one], [, other]) => one - other);
    for (const [uuid] of gone.slice(0, gone.length - MAX_GONE)) this.#vms.delete(uuid);
  }
}

/**
 * The contract's rates, so that tx = migration + control + workload holds exactly: the counters are not read at the same
 * instant, so a part may seem to be more than the whole.
 */
function nicRates([
  tx = 0,
  rx = 0,
  migrationTx = 0,
  migrationRx = 0,
  controlTx = 0,
  controlRx = 0,
]: number[]): NicRates {
  const migration = { tx: Math.min(migrationTx, tx), rx: Math.min(migrationRx, rx) };
  const control = { tx: Math.min(controlTx, tx - migration.tx), rx: Math.min(controlRx, rx - migration.rx) };
  return {
    txBitsPerSecond: tx,
    rxBitsPerSecond: rx,
    migrationTxBitsPerSecond: migration.tx,
    migrationRxBitsPerSecond: migration.rx,
    controlTxBitsPerSecond: control.tx,
    controlRxBitsPerSecond: control.rx,
    workloadTxBitsPerSecond: tx - migration.tx - control.tx,
    workloadRxBitsPerSecond: rx - migration.rx - control.rx,
  };
}
