import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Result } from './results.ts';

/** `directly again`: of what differed between the two. */
export type Side = 'directly' | 'through Drover' | 'directly again';

/** The results of each side in a file, so that a run of an hour that broke off goes on where it was. */
export class KeptResults {
  readonly #file: string | null;
  readonly #sides: Partial<Record<Side, [string, Result][]>>;

  /** Null: nothing is kept. */
  constructor(file: string | null) {
    this.#file = file;
    this.#sides = file !== null && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  }

  of(side: Side): Map<string, Result> | null {
    const kept = this.#sides[side];
    return kept ? new Map(kept) : null;
  }

  keep(side: Side, results: ReadonlyMap<string, Result>): void {
    this.#sides[side] = [...results];
    if (this.#file !== null) writeFileSync(this.#file, `${JSON.stringify(this.#sides, null, 1)}\n`);
  }
}
