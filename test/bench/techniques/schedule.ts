import type { Technique } from '../../../plugin/contract.ts';
import { TECHNIQUES } from '../../../plugin/model/predict.ts';
import { randomFrom } from '../../../plugin/schedule/random.ts';
import { type Cell, cellName } from './grid.ts';

export interface PlannedRun {
  round: number;
  cell: Cell;
  technique: Technique;
}

/** Each round has every cell with every technique once, in an order of its own that the seed repeats. */
export function schedule(cells: readonly Cell[], rounds: number, seed: number): PlannedRun[] {
  return Array.from({ length: rounds }, (_, index) => index + 1).flatMap((round) => {
    const random = randomFrom(seed * 1000 + round);
    const runs = cells.flatMap((cell) => TECHNIQUES.map((technique): PlannedRun => ({ round, cell, technique })));
    // Fisher-Yates.
    for (let last = runs.length - 1; last > 0; last--) {
      const other = Math.floor(random() * (last + 1));
      const [a, b] = [runs[last], runs[other]];
      if (a && b) [runs[last], runs[other]] = [b, a];
    }
    return runs;
  });
}

export function runKey({ round, cell, technique }: PlannedRun): string {
  return `${round}: ${cellName(cell)}: ${technique}`;
}
