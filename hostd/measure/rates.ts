/**
 * How counters grew from one reading to the next. Growth is only told where it is certain: a counter that fell (reset,
 * wrap, another interface of that name), that was not there before or that belongs to another epoch has none (NaN).
 */

/** One cumulative counter. */
export class Growth {
  #epoch = '';
  #value = Number.NaN;

  /**
   * | value, epoch of each reading | growth        |
   * |------------------------------|---------------|
   * | 10 a, 25 a, 40 a             | NaN, 15, 15   |
   * | 10 a, 3 a, 4 a               | NaN, NaN, 1   |
   * | 10 a, 25 b, 26 b             | NaN, NaN, 1   |
   */
  next(value: number, epoch: string): number {
    const grown = epoch === this.#epoch && value >= this.#value ? value - this.#value : Number.NaN;
    this.#epoch = epoch;
    this.#value = value;
    return grown;
  }
}

/** Ethernet header: nft and iptables count from layer 3, the NIC's own counters with these 14 bytes per packet. */
export const ETHERNET_HEADER_BYTES = 14;

/** What one tap's VM sent (`tx`) and received in the last reading, in bytes; NaN: not certain. */
export interface TapGrowth {
  tx: number;
  rx: number;
}

/** One counter of one direction of a tap. */
interface Slot {
  packets: number;
  bytes: number;
  /** Number of the reading that saw it last. */
  seen: number;
  tap: string | null;
  direction: 'tx' | 'rx';
  /** Bytes that the NIC counts of every packet beyond those counted here. */
  perPacket: number;
}

/** Which tap and direction a counter belongs to; null: to none. */
export type Resolve = (key: string) => { tap: string; direction: 'tx' | 'rx'; perPacket: number } | null;

/** A counter that was absent for this many readings is gone, and begins at nothing if it comes back. */
const FORGOTTEN_AFTER = 600;

/**
 * Counters per tap, of any method, to the growth of each tap's traffic. Keeps one small object per counter, and makes
 * none per reading.
 */
export class TapMeters {
  readonly #slots = new Map<string, Slot>();
  readonly #taps = new Map<string, TapGrowth & { reading: number }>();
  #resolve: Resolve = () => null;
  #epoch = '';
  #reading = 0;
  /** Readings in this epoch. */
  #age = 0;

  /** Counters that are kept. */
  get size(): number {
    return this.#slots.size;
  }

  /** Where counters belong to from now on. What they counted stays. */
  resolveWith(resolve: Resolve): void {
    this.#resolve = resolve;
    for (const [key, slot] of this.#slots) Object.assign(slot, resolved(resolve(key)));
  }

  /** Begins a reading. Counters of another epoch say nothing about those before. */
  begin(epoch: string): void {
    this.#reading += 1;
    this.#age = epoch === this.#epoch ? this.#age + 1 : 0;
    if (epoch !== this.#epoch) this.#slots.clear();
    this.#epoch = epoch;
    if (this.#reading % FORGOTTEN_AFTER === 0) this.#forget();
  }

  /**
   * One counter of this reading; a second time in the same reading only adds what came since. `appearing` says what it
   * stood at in the reading before if it was not in it: nothing for what a packet makes, unknown for an interface. In
   * the first two readings of an epoch nobody knows: a dump may miss an element that is being moved.
   */
  count(key: string, packets: number, bytes: number, appearing: 'zero' | 'unknown'): void {
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      const known = appearing === 'zero' && this.#age > 1;
      slot = { packets: known ? 0 : Number.NaN, bytes: 0, seen: 0, ...resolved(this.#resolve(key)) };
      this.#slots.set(key, slot);
    }
    slot.seen = this.#reading;
    const fell = packets < slot.packets || bytes < slot.bytes;
    const grown = fell ? Number.NaN : bytes - slot.bytes + (packets - slot.packets) * slot.perPacket;
    slot.packets = packets;
    slot.bytes = bytes;
    if (slot.tap === null) return;
    const tap = this.#tap(slot.tap);
    tap[slot.direction] += grown;
  }

  /** The counter was made anew, or is gone. */
  drop(key: string): void {
    this.#slots.delete(key);
  }

  /** What the tap's traffic grew by in this reading; nothing was counted of one that is silent. */
  grown(tap: string): TapGrowth {
    const grown = this.#taps.get(tap);
    return grown?.reading === this.#reading ? grown : SILENT;
  }

  #tap(name: string): TapGrowth {
    let tap = this.#taps.get(name);
    if (tap === undefined) {
      tap = { tx: 0, rx: 0, reading: this.#reading };
      this.#taps.set(name, tap);
    }
    if (tap.reading !== this.#reading) {
      tap.reading = this.#reading;
      tap.tx = 0;
      tap.rx = 0;
    }
    return tap;
  }

  #forget(): void {
    const since = this.#reading - FORGOTTEN_AFTER;
    for (const [key, { seen }] of this.#slots) if (seen < since) this.#slots.delete(key);
    for (const [name, { reading }] of this.#taps) if (reading < since) this.#taps.delete(name);
  }
}

const SILENT: TapGrowth = Object.freeze({ tx: 0, rx: 0 });

function resolved(found: ReturnType<Resolve>): Pick<Slot, 'tap' | 'direction' | 'perPacket'> {
  return found ?? { tap: null, direction: 'tx', perPacket: 0 };
}

/**
 * May a rate be made of this interval? One that is much longer than the window says nothing about now: the host was
 * suspended, or hostd was stopped. Intervals are measured in boot time, which goes on while the host sleeps.
 */
export function isUsable(intervalMs: number, windowMs: number, readEveryMs: number): boolean {
  return intervalMs > 0 && intervalMs <= Math.max(windowMs, 3 * readEveryMs);
}

/** Bytes in milliseconds to bit/s. */
export function bitsPerSecond(bytes: number, intervalMs: number): number {
  return (bytes * 8000) / intervalMs;
}
