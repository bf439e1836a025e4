import type { Random } from '../random.ts';

/** What goes wrong with one request. `late`: Nova takes it only then, whether anybody still waits or not. */
export type Fault =
  | { kind: 'status'; status: number }
  | { kind: 'reset-before' }
  | { kind: 'reset-after' }
  | { kind: 'late'; ms: number }
  | { kind: 'slow'; ms: number };

/** A share of all requests meets a fault, as the seed wants it; none after `calm`. */
export class Trouble {
  faults = 0;
  readonly #random: Random;
  #share: number;

  constructor(random: Random, share: number) {
    this.#random = random;
    this.#share = share;
  }

  calm(): void {
    this.#share = 0;
  }

  /** What meets a request that changes something. */
  ofAction(): Fault | null {
    if (!this.#random.chance(3 * this.#share)) return null;
    this.faults += 1;
    const random = this.#random;
    return random.pick<Fault>([
      { kind: 'status', status: 500 },
      { kind: 'status', status: 503 },
      { kind: 'reset-before' },
      { kind: 'reset-after' },
      { kind: 'late', ms: random.whole(100, 1500) },
      { kind: 'slow', ms: random.whole(100, 1500) },
    ]);
  }

  /** What meets a request that reads. */
  ofReading(): Fault | null {
    if (!this.#random.chance(this.#share)) return null;
    this.faults += 1;
    return this.#random.pick<Fault>([
      { kind: 'status', status: 503 },
      { kind: 'reset-before' },
      { kind: 'slow', ms: this.#random.whole(100, 800) },
    ]);
  }
}
