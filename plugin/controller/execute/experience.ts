import { type Calibration, type FinishedMigration, learn, UNCALIBRATED } from '../../model/calibrate.ts';
import type { StoredMigration } from '../store/store.ts';

type Record = Pick<StoredMigration, 'id' | 'state' | 'source' | 'destination' | 'decision' | 'outcome'>;

/** What a record teaches the prediction, or null: it did not complete, or nothing was predicted for it. */
export function lessonOf({ state, source, destination, decision, outcome }: Record): FinishedMigration | null {
  if (state !== 'completed' || destination === null || !decision?.features || !outcome) return null;
  const observed: FinishedMigration['observed'] = {};
  const { totalMigrationTimeMs, downtimeMs, transferredBytes } = outcome;
  if (totalMigrationTimeMs !== null && totalMigrationTimeMs > 0) observed.totalMigrationTimeMs = totalMigrationTimeMs;
  if (downtimeMs !== null && downtimeMs > 0) observed.downtimeMs = downtimeMs;
  if (transferredBytes !== null && transferredBytes > 0) observed.bytes = transferredBytes;
  if (Object.keys(observed).length === 0) return null;
  return { technique: decision.technique, source, destination, features: decision.features, observed };
}

/**
 * The calibration that the records of finished migrations add up to, each learned from once. The records are what is
 * kept: after a restart the same history gives the same calibration.
 */
export class Experience {
  #calibration: Calibration = UNCALIBRATED;
  readonly #learned = new Set<number>();

  /** `records`: oldest first. */
  constructor(records: readonly Record[]) {
    for (const record of records) this.add(record);
  }

  get calibration(): Calibration {
    return this.#calibration;
  }

  add(record: Record): void {
    const lesson = this.#learned.has(record.id) ? null : lessonOf(record);
    if (!lesson) return;
    this.#learned.add(record.id);
    this.#calibration = learn(this.#calibration, lesson);
  }
}
