/** What a notification is to those who wait for something to happen to its server. */
export interface Meaning {
  /** `ended`: Nova writes the end down next; `changed`: look once; null: nothing about a live migration. */
  migration: 'ended' | 'changed' | null;
  /** Whether what the server is, or whether it has a task, may have changed. */
  server: boolean;
}

/** Sent right before Nova writes down how the migration ended (nova/compute/manager.py). */
const ENDS = [
  // _post_live_migration; then: completed
  'instance.live_migration_post.end',
  // _rollback_live_migration; then: failed or cancelled
  'instance.live_migration_rollback.end',
  // live_migration_abort of one that was queued, and the driver's monitor
  'instance.live_migration_abort.end',
];

/** Reports about a server to which nothing happens. */
const REPORTS = ['instance.exists', 'instance.usage'];

/**
 * | event                                                         | migration | server |
 * |---------------------------------------------------------------|-----------|--------|
 * | instance.live_migration_{post,rollback,abort}.end             | ended     | yes    |
 * | instance.live_migration_* (pre, post_dest, force_complete, …) | changed   | yes    |
 * | instance.exists, instance.usage                               |           | no     |
 * | instance.* (update, delete.end, power_off.end, lock, …)       |           | yes    |
 */
export function meaningOf(eventType: string): Meaning {
  if (ENDS.includes(eventType)) return { migration: 'ended', server: true };
  if (eventType.startsWith('instance.live_migration_')) return { migration: 'changed', server: true };
  return { migration: null, server: !REPORTS.includes(eventType) };
}
