/** Migrations recorded in the lab by bench:techniques -- --live, one JSON object a line. */
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { Priority, Technique } from '../../../plugin/contract.ts';
import { MigrationFeatures } from '../../../plugin/model/features.ts';
import { type DirtyReadings, steadyWindows, withReadings } from '../../../plugin/tracker/dirty.ts';
import { DIRECTIONS, DIRTY, HOST_TRAFFIC } from '../techniques/grid.ts';
import type { Case } from './evaluate.ts';

export const LabRun = z.object({
  seed: z.number(),
  /** Each cell and technique once a round. */
  round: z.number().int(),
  cell: z.object({
    direction: z.enum(DIRECTIONS),
    hostTraffic: z.enum(HOST_TRAFFIC),
    priority: Priority,
    dirty: z.enum(DIRTY),
  }),
  technique: Technique,
  startedAt: z.string(),
  source: z.string(),
  destination: z.string(),
  /** What the plugin had measured when it decided. */
  features: MigrationFeatures,
  /** Did not end within the time limit. */
  censored: z.boolean(),
  limitMs: z.number(),
  outcome: z
    .object({
      totalMigrationTimeMs: z.number().nullable(),
      downtimeMs: z.number().nullable(),
      transferredBytes: z.number().nullable(),
      iterations: z.number().nullable(),
      postCopySeen: z.boolean(),
    })
    .nullable(),
  /** Longest gap between two answers to a ping from outside. */
  pingGapMs: z.number().nullable(),
});
export type LabRun = z.infer<typeof LabRun>;

export function readLabRuns(file: string): LabRun[] {
  if (!existsSync(file)) throw new Error(`${file} is not there: npm run bench:techniques -- --live makes it`);
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => LabRun.parse(JSON.parse(line)));
}

/**
 * Runs of before the plugin kept the dirty rates of a guest that moves, with those that it would have had: each guest of the
 * bench dirties at one rate.
 */
function steadied(runs: readonly LabRun[]): LabRun[] {
  const readings = new Map<string, DirtyReadings>();
  return [...runs]
    .sort((one, other) => Date.parse(one.startedAt) - Date.parse(other.startedAt))
    .map((run) => {
      const measuredAtMs = Date.parse(run.startedAt);
      const read = run.features.dirtyWindows.map((window) => ({ ...window, measuredAtMs }));
      const kept = withReadings(readings.get(run.cell.dirty) ?? [], read);
      readings.set(run.cell.dirty, kept);
      const dirtyWindows = steadyWindows(kept, run.features.memoryBytes);
      return { ...run, features: { ...run.features, dirtyWindows } };
    });
}

/** Those that completed, as cases. A technique that was asked for and did not come to it counts as what it became. */
export function readLab(file: string, isSteadied = false): (Case & { round: string; cell: string })[] {
  const runs = readLabRuns(file);
  return (isSteadied ? steadied(runs) : runs).flatMap((run) => {
    const { outcome, censored } = run;
    if (censored || !outcome) return [];
    const positive = (value: number | null) => (value !== null && value > 0 ? value : undefined);
    const figures = {
      totalMigrationTimeMs: positive(outcome.totalMigrationTimeMs),
      downtimeMs: positive(outcome.downtimeMs),
      longestStallMs: positive(run.pingGapMs),
      bytes: positive(outcome.transferredBytes),
    };
    const observed = Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined));
    return [
      {
        technique: run.technique,
        source: run.source,
        destination: run.destination,
        features: run.features,
        observed,
        fold: '',
        round: String(run.round),
        cell: JSON.stringify(run.cell),
      },
    ];
  });
}
