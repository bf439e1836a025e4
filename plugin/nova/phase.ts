import type { InstanceAction, Migration } from 'openstack-client-ts';

/** Where a live migration is, in one word. */
export type NovaPhase =
  | 'queued'
  | 'preparing'
  | 'running'
  | 'post-copy'
  | 'finishing'
  | 'completed'
  | 'failed'
  | 'cancelled';

/** The statuses of live migrations in nova/compute/manager.py and nova/virt/libvirt/driver.py. */
const PHASES: Record<string, NovaPhase> = {
  accepted: 'queued',
  queued: 'queued',
  preparing: 'preparing',
  running: 'running',
  'running (post-copy)': 'post-copy',
  'post-migrating': 'finishing',
  completed: 'completed',
  done: 'completed',
  failed: 'failed',
  error: 'failed',
  cancelled: 'cancelled',
};

/** An unknown status counts as running: it is not over, and nothing is to be concluded from it. */
export function novaPhase(status: string): NovaPhase {
  return PHASES[status] ?? 'running';
}

/** Nothing happens any more after this phase. */
export function isFinal(phase: NovaPhase): boolean {
  return phase === 'completed' || phase === 'failed' || phase === 'cancelled';
}

/** Nova writes whole seconds: a record may seem that much older than its request. */
const TRUNCATION_MS = 1000;

/**
 * The record of a live migration that was asked for at `sinceMs`: the earliest that is not older and not one of
 * `exclude`. Nova refuses a second one while the first runs, so the earliest is ours. One that seems older by up to the
 * skew of the clocks is taken only while it runs: a finished one was the migration before.
 */
export function pickMigration(
  migrations: readonly Migration[],
  wanted: { sinceMs: number; skewMs: number; exclude?: ReadonlySet<number> },
): Migration | null {
  const since = migrations
    .filter((migration) => migration.migrationType === 'live-migration' && !wanted.exclude?.has(migration.id))
    .filter(({ createdAtMs, status }) => {
      const seemsOlderByMs = wanted.sinceMs - createdAtMs;
      return seemsOlderByMs <= TRUNCATION_MS || (seemsOlderByMs <= wanted.skewMs && !isFinal(novaPhase(status)));
    })
    .sort((a, b) => a.createdAtMs - b.createdAtMs || a.id - b.id);
  return since[0] ?? null;
}

/** The earliest `live-migration` action that is not older than `sinceMs` less the skew, and not one of `exclude`. */
export function pickIssued(
  actions: readonly InstanceAction[],
  wanted: { sinceMs: number; skewMs: number; exclude?: ReadonlySet<string> },
): InstanceAction | null {
  return (
    actions
      .filter((action) => action.action === 'live-migration')
      .filter((action) => action.startTimeMs >= wanted.sinceMs - wanted.skewMs)
      .filter((action) => !wanted.exclude?.has(action.requestId))
      .sort((a, b) => a.startTimeMs - b.startTimeMs)[0] ?? null
  );
}
