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

/** VMs side by side in one block: a reading writes to one place of memory for so many, not to one for each. */
const BLOCK_VMS = 64;

/** Readings `first` to `last` of one VM stand in this column. */
interface Series {
  first: number;
  last: number;
  column: number;
}

/**
 * A ring of the last readings: rates of the NIC and of every VM over the interval that ends with the reading. A VM takes
 * 8 bytes a reading (4.8 MB for 1,000 VMs and 600 readings), and has them from its first reading on. NaN: it could not
 * be measured then.
 */
export class History {
  readonly #capacity: number;
  readonly #atMs: Float64Array;
  readonly #unixMs: Float64Array;
  readonly #intervalMs: Float64Array;
  readonly #nic: Float64Array;
  readonly #vms = new Map<string, Series>();
  /** Of 64 columns each: the readings one after the other, in each the columns, in each tx and rx. */
  readonly #blocks: Float32Array[] = [];
  /** Columns of no VM. */
  readonly #free: number[] = [];
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

  /** What the rates of VMs take. */
  get bytes(): number {
    return this.#blocks.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Begins the next reading; its VMs follow with `addVm`. `atMs` is monotonic, `unixMs` what a reader is shown. */
  add(atMs: number, unixMs: number, intervalMs: number, nic: NicFigures): void {
    const at = this.#next % this.#capacity;
    this.#next += 1;
    this.#atMs[at] = atMs;
    this.#unixMs[at] = unixMs;
    this.#intervalMs[at] = intervalMs;
    for (const [column, name] of COLUMNS.entries()) this.#nic[at * COLUMNS.length + column] = nic[name];
    for (const block of this.#blocks) block.fill(Number.NaN, 2 * BLOCK_VMS * at, 2 * BLOCK_VMS * (at + 1));
    this.#forget();
  }

  /** Rates of one VM in the newest reading; NaN where they could not be measured. */
  addVm(uuid: string, tx: number, rx: number): void {
    const reading = this.#next - 1;
    let series = this.#vms.get(uuid);
    if (series === undefined) {
      series = { first: reading, last: reading, column: this.#takeColumn() };
      this.#vms.set(uuid, series);
    } else if (series.last < this.#oldest()) {
      series.first = reading;
    }
    series.last = reading;
    const block = this.#block(series.column);
    const at = this.#place(series.column, reading);
    block[at] = tx;
    block[at + 1] = rx;
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
    const block = this.#block(series.column);
    const last = Math.min(series.last, this.#next - 1);
    for (let n = Math.max(series.first, this.#firstAfter(sinceMs)); n <= last; n += 1) {
      const at = this.#place(series.column, n);
      const rate = block[at] ?? Number.NaN;
      if (Number.isNaN(rate)) continue;
      const ms = this.#interval(n);
      covered += ms;
      tx += ms * rate;
      rx += ms * (block[at + 1] ?? 0);
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
    const block = this.#block(series.column);
    const at = this.#place(series.column, n);
    const tx = block[at] ?? Number.NaN;
    return Number.isNaN(tx) ? [] : [{ vmUuid, txBitsPerSecond: tx, rxBitsPerSecond: block[at + 1] ?? 0 }];
  }

  #takeColumn(): number {
    if (this.#free.length === 0) {
      const first = this.#blocks.length * BLOCK_VMS;
      this.#blocks.push(new Float32Array(2 * BLOCK_VMS * this.#capacity).fill(Number.NaN));
      for (let column = first + BLOCK_VMS - 1; column >= first; column -= 1) this.#free.push(column);
    }
    return this.#free.pop() ?? 0;
  }

  #block(column: number): Float32Array {
    return this.#blocks[Math.floor(column / BLOCK_VMS)] ?? NOTHING;
  }

  /** Where reading n of a column stands in its block. */
  #place(column: number, n: number): number {
    return 2 * (BLOCK_VMS * (n % this.#capacity) + (column % BLOCK_VMS));
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
    const gone: [string, Series][] = [];
    for (const [uuid, series] of this.#vms) {
      if (series.last < this.#oldest()) this.#drop(uuid, series);
      else if (series.last < this.#next - FORGET_EVERY) gone.push([uuid, series]);
    }
    if (gone.length <= MAX_GONE) return;
    gone.sort(([, one], [, other]) => one.last - other.last);
    for (const [uuid, series] of gone.slice(0, gone.length - MAX_GONE)) this.#drop(uuid, series);
  }

  /** What stands in its column is not seen by the next VM there: it is before its first reading. */
  #drop(uuid: string, { column }: Series): void {
    this.#vms.delete(uuid);
    this.#free.push(column);
  }
}

const NOTHING = new Float32Array(0);

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
