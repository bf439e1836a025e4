/** A guest that writes to its memory page by page, and reads it. */
export const PAGE_BYTES = 4096;

export interface GuestLoad {
  memoryBytes: number;
  /** Writes go to random pages of this part of the memory. */
  hotBytes: number;
  writesBytesPerSecond: number;
  /** Random pages that it reads, of the hot part and of all its memory alike. */
  readsPerSecond: number;
  /** Pages of the kernel and of its network path, which every answer to the outside needs. */
  answerPages: number;
}

export class Guest {
  readonly pages: number;
  readonly load: GuestLoad;
  readonly #hot: number;
  readonly #random: () => number;
  #owed = { writes: 0, reads: 0 };

  constructor(load: GuestLoad, random: () => number) {
    this.load = load;
    this.pages = Math.floor(load.memoryBytes / PAGE_BYTES);
    this.#hot = Math.max(1, Math.min(this.pages, Math.floor(load.hotBytes / PAGE_BYTES)));
    this.#random = random;
  }

  /** Calls `touch` for each page that it uses within `seconds`, until that returns false: the guest then waits. */
  run(seconds: number, touch: (page: number, write: boolean) => boolean): void {
    this.#owed.writes += (this.load.writesBytesPerSecond / PAGE_BYTES) * seconds;
    this.#owed.reads += this.load.readsPerSecond * seconds;
    let free = true;
    for (; free && this.#owed.writes >= 1; this.#owed.writes--) free = touch(this.#hotPage(), true);
    for (; free && this.#owed.reads >= 1; this.#owed.reads--) free = touch(this.#anyPage(), false);
    // Work that a waiting guest did not do is not made up for.
    if (!free) this.#owed = { writes: 0, reads: 0 };
  }

  #anyPage(): number {
    return this.#random() < 0.5 ? this.#hotPage() : Math.floor(this.#random() * this.pages);
  }

  /** The hot part lies at the end: the last that a pass sends. */
  #hotPage(): number {
    return this.pages - 1 - Math.floor(this.#random() * this.#hot);
  }
}

/** Distinct bytes a second within a window, as `domdirtyrate-calc` would count them. */
export function measureDirtyRate(load: GuestLoad, windowMs: number, random: () => number): number {
  const guest = new Guest(load, random);
  const seen = new Set<number>();
  guest.run(windowMs / 1000, (page, write) => {
    if (write) seen.add(page);
    return true;
  });
  return (seen.size * PAGE_BYTES * 1000) / windowMs;
}
