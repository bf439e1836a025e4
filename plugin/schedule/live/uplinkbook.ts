import { type Crosser, fullUplink, shareUplinks, type UplinkUse, type Waiter } from './uplinks.ts';
import { AGED } from './world.ts';

/** Why an uplink is closed to a migration: it has no room for it, or keeps it for who stands before it. */
export interface Closed {
  uplink: number;
  why: 'full' | 'claimed';
}

/** Who crosses each uplink and who waits for it, while a plan is made. What crosses none is never in its way. */
export class UplinkBook<T> {
  readonly #capacities: readonly number[];
  readonly #crossing: Waiter[][];
  readonly #crossers = new Map<T, Waiter>();
  /** The rank of who waits first for each. */
  #wantedBy = new Map<number, number>();

  /** @param capacities what each uplink has for migrations, bit/s. */
  constructor(capacities: readonly number[]) {
    this.#capacities = capacities;
    this.#crossing = capacities.map(() => []);
  }

  /** Nobody waits; those that do say so anew, the highest first. */
  lookAnew(): void {
    this.#wantedBy.clear();
  }

  /**
   * One of this rank waits. If it waited too long it claims all of its way, as on the links of hosts; else only where
   * there is no room for it, or a rack would stand still for one host of it that is busy.
   */
  want(use: UplinkUse | undefined, rank: number): void {
    if (!use || !(rank === AGED || this.#full(use, rank) !== null)) return;
    for (const uplink of use.uplinks) if (!this.#wantedBy.has(uplink)) this.#wantedBy.set(uplink, rank);
  }

  /** What keeps one of this rank from starting; null: nothing here. */
  closed(use: UplinkUse | undefined, rank: number): Closed | null {
    if (!use) return null;
    const claimed = use.uplinks.find((uplink) => {
      const first = this.#wantedBy.get(uplink) ?? Number.POSITIVE_INFINITY;
      return first < rank || first === AGED;
    });
    if (claimed !== undefined) return { uplink: claimed, why: 'claimed' };
    const full = this.#full(use, rank);
    return full === null ? null : { uplink: full, why: 'full' };
  }

  /** It crosses from now on. */
  add(key: T, use: UplinkUse | undefined, group: number): void {
    if (!use) return;
    const waiter = { use, group };
    this.#crossers.set(key, waiter);
    for (const uplink of use.uplinks) this.#crossing[uplink]?.push(waiter);
  }

  remove(key: T): void {
    const waiter = this.#crossers.get(key);
    if (!waiter) return;
    this.#crossers.delete(key);
    for (const uplink of waiter.use.uplinks) {
      const users = this.#crossing[uplink] as Waiter[];
      users.splice(users.indexOf(waiter), 1);
    }
  }

  /** What each that crosses is to be held to, in this order of theirs. */
  shares(order: (a: T, b: T) => number, isOvertaken: (key: T) => boolean): [T, number][] {
    if (this.#crossers.size === 0) return [];
    const keys = [...this.#crossers.keys()].sort(order);
    const crossers = keys.map((key): Crosser => {
      return { ...(this.#crossers.get(key) as Waiter), isOvertaken: isOvertaken(key) };
    });
    const rates = shareUplinks(this.#capacities, crossers);
    return keys.map((key, at) => [key, rates[at] as number]);
  }

  #full(use: UplinkUse, rank: number): number | null {
    return fullUplink(this.#capacities, { use, group: rank }, (uplink) => this.#crossing[uplink] ?? []);
  }
}
