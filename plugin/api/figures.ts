import type { MigrationRecord } from '../contract.ts';
import { Distribution } from './distribution.ts';

/** A migration of an idle guest takes seconds, one of a busy guest on a busy link an hour. */
const TOTAL_TIME_BOUNDS_SECONDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] as const;
const DOWNTIME_BOUNDS_SECONDS = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10] as const;
const ERROR_BOUNDS = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2] as const;
const PLANNING_BOUNDS_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5] as const;

const NO_TECHNIQUE = 'none';

/** What the plugin counts of itself since it started; kept by names that no caller makes up. */
export class Figures {
  /** By `state technique`. */
  readonly ended = new Map<string, number>();
  /** By technique; of what was completed. */
  readonly totalSeconds = new Map<string, Distribution>();
  readonly downtimeSeconds = new Map<string, Distribution>();
  /** |predicted / measured - 1| of the total migration time. */
  readonly predictionError = new Map<string, Distribution>();
  readonly planningSeconds = new Distribution(PLANNING_BOUNDS_SECONDS);
  /** By class, e.g. `2xx`. */
  readonly proxied = new Map<string, number>();
  /** Live migrations that came through the compute API, by what became of them. */
  readonly verdicts = new Map<string, number>();
  /** By the code of the reason. */
  readonly unmanaged = new Map<string, number>();

  /** Rules that plans broke. */
  breaches = 0;

  /** Questions to Nova about migrations that run, by why they were asked then. */
  readonly asked = new Map<string, number>();

  addAsked(pace: string): void {
    count(this.asked, pace);
  }

  addEnded({ state, decision, outcome }: Pick<MigrationRecord, 'state' | 'decision' | 'outcome'>): void {
    const technique = decision?.technique ?? NO_TECHNIQUE;
    count(this.ended, `${state} ${technique}`);
    if (state !== 'completed' || !outcome) return;
    const { totalMigrationTimeMs, downtimeMs } = outcome;
    if (totalMigrationTimeMs !== null) {
      add(this.totalSeconds, technique, TOTAL_TIME_BOUNDS_SECONDS, totalMigrationTimeMs / 1000);
      const predicted = decision?.prediction?.totalMigrationTimeMs.value ?? null;
      if (predicted !== null && totalMigrationTimeMs > 0) {
        add(this.predictionError, technique, ERROR_BOUNDS, Math.abs(predicted / totalMigrationTimeMs - 1));
      }
    }
    if (downtimeMs !== null) add(this.downtimeSeconds, technique, DOWNTIME_BOUNDS_SECONDS, downtimeMs / 1000);
  }

  addPlan(seconds: number): void {
    this.planningSeconds.add(seconds);
  }

  addBreaches(count: number): void {
    this.breaches += count;
  }

  /** An answer of the proxy. */
  addProxied(status: number): void {
    count(this.proxied, status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : 'other');
  }

  addVerdict(kind: string): void {
    count(this.verdicts, kind);
  }

  /** A migration that Drover could not manage, by the code of why. */
  addUnmanaged(code: string): void {
    count(this.unmanaged, code);
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function add(all: Map<string, Distribution>, key: string, bounds: readonly number[], value: number): void {
  const found = all.get(key) ?? new Distribution(bounds);
  found.add(value);
  all.set(key, found);
}
