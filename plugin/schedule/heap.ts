/** Running moves by their end, the soonest first; at the same time the smallest number, so that order never varies. */
export class EndHeap {
  readonly #time: Float64Array;
  readonly #item: Int32Array;
  #size = 0;

  constructor(capacity: number) {
    this.#time = new Float64Array(capacity);
    this.#item = new Int32Array(capacity);
  }

  /** Infinite when there is none. */
  soonest(): number {
    return this.#size > 0 ? (this.#time[0] as number) : Number.POSITIVE_INFINITY;
  }

  push(time: number, item: number): void {
    let hole = this.#size++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (!this.#before(time, item, parent)) break;
      this.#copy(parent, hole);
      hole = parent;
    }
    this.#time[hole] = time;
    this.#item[hole] = item;
  }

  /** Takes the soonest out. There must be one. */
  pop(): number {
    const first = this.#item[0] as number;
    const size = --this.#size;
    const time = this.#time[size] as number;
    const item = this.#item[size] as number;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(this.#time[child + 1] as number, this.#item[child + 1] as number, child)) {
        child++;
      }
      if (this.#before(time, item, child)) break;
      this.#copy(child, hole);
      hole = child;
    }
    this.#time[hole] = time;
    this.#item[hole] = item;
    return first;
  }

  #before(time: number, item: number, place: number): boolean {
    const other = this.#time[place] as number;
    return time < other || (time === other && item < (this.#item[place] as number));
  }

  #copy(from: number, to: number): void {
    this.#time[to] = this.#time[from] as number;
    this.#item[to] = this.#item[from] as number;
  }
}
