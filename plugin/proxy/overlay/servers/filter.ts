/**
 * Statuses that Nova gives a server without a task (nova/api/openstack/common.py, _STATE_MAP): with one of them among
 * those asked for, Nova does not filter by task, and lists migrating servers too.
 */
const WITHOUT_TASK = new Set(
  'active build shutoff verify_resize paused suspended rescue error deleted soft_deleted shelved shelved_offloaded'.split(
    ' ',
  ),
);

/**
 * A list of servers that asks for migrating ones only, and how to ask Nova so that those without a task are in it, too;
 * null: Nova's own list has all that it should have.
 *
 * | asked                             | Nova filters by     | asked instead                        |
 * |-----------------------------------|---------------------|--------------------------------------|
 * | status=ACTIVE                     | vm_state            | null: a migrating server is listed   |
 * | status=MIGRATING                  | vm_state, task      | status=MIGRATING, ACTIVE or PAUSED   |
 * | status=MIGRATING&status=ERROR     | vm_state            | null                                 |
 * | task_state=migrating              | task                | without it                           |
 *
 * `limit` is left out: what is to be listed may be far behind. Pure.
 */
export function widened(rawTarget: string): { target: string; limit: number | null } | null {
  const at = rawTarget.indexOf('?');
  if (at === -1) return null;
  const query = new URLSearchParams(rawTarget.slice(at + 1));
  const statuses = query.getAll('status').map((status) => status.toLowerCase());
  const byStatus = statuses.length > 0 && !statuses.some((status) => WITHOUT_TASK.has(status));
  if (byStatus) {
    if (!statuses.includes('migrating')) return null;
    query.append('status', 'ACTIVE');
    query.append('status', 'PAUSED');
  }
  // Of several Nova takes the last; one that its statuses make goes before it.
  else if (query.getAll('task_state').at(-1)?.toLowerCase() !== 'migrating') return null;
  query.delete('task_state');
  const limit = query.getAll('limit').at(-1);
  query.delete('limit');
  const known = limit !== undefined && /^\d{1,6}$/.test(limit);
  return { target: `${rawTarget.slice(0, at)}?${query}`, limit: known ? Number(limit) : null };
}
