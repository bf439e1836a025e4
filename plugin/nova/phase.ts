import type { Migration } from 'openstack-client-ts';

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
 * The record of a live migration that was asked for at `sinceMs` by that user: the earliest that is not older and has an
 * id above `newestBefore`. Nova refuses a second one while the first runs, so the earliest is ours. One that seems older by
 * up to the skew of the clocks is taken only while it runs: a finished one was the migration before. Nova keeps who asked
 * (nova/objects/migration.py, create), so what somebody else had Nova do to the server meanwhile is not taken for ours.
 */
export function pickMigration(
  migrations: readonly Migration[],
  wanted: { sinceMs: number; skewMs: number; newestBefore?: number; userId?: string },
): Migration | null {
  const since = migrations
    .filter((migration) => migration.migrationType === 'live-migration' && migration.id > (wanted.newestBefore ?? 0))
    .filter(({ userId }) => wanted.userId === undefined || userId === null || userId === wanted.userId)
    .filter(({ createdAtMs, status }) => {
      const seemsOlderByMs = wanted.sinceMs - createdAtMs;
      return seemsOlderByMs <= TRUNCATION_MS || (seemsOlderByMs <= wanted.skewMs && !isFinal(novaPhase(status)));
    })
    .sort((a, b) => a.createdAtMs - b.createdAtMs || a.id - b.id);
  return since[0] ?? null;
}
