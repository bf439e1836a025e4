import type { Reason } from '../contract.ts';
import type { ServerDetails } from '../nova/control.ts';
import { ADMINISTRATOR, isMigratable } from './admit.ts';

/** Whether a migration that has waited is still wanted and possible. */
export type Standing =
  | { kind: 'ready' }
  /** Not now; what the server is after its task tells. */
  | { kind: 'busy'; reason: Reason }
  /** The server is elsewhere, the wish still makes sense: it is planned anew from there. */
  | { kind: 'moved'; source: string; reason: Reason }
  | { kind: 'ended'; reason: Reason };

/** A server may have a task for this long before the migration that waits for its end is given up. */
export const BUSY_AT_MOST_MS = 600_000;

/** Tasks that end with the server gone (nova/compute/task_states.py). */
const DELETING = ['deleting', 'soft-deleting'];

/**
 * What becomes of a migration that waits, by what Nova says of its server now. Asked when its turn has come, when a
 * request that may have changed the server is seen, and once in a while. Pure.
 *
 * | the server                                             | state   | code           |
 * |--------------------------------------------------------|---------|----------------|
 * | is gone, or being deleted                              | aborted | server-gone    |
 * | is locked, and the caller is no administrator          | aborted | server-locked  |
 * | has a task (rebooting, resizing, being migrated, ...)  | queued, looked at again; aborted after 10 minutes | server-busy |
 * | is neither ACTIVE nor PAUSED, or has no host           | aborted | server-state   |
 * | is on another host: the one that the caller named      | aborted | already-there  |
 * | is on another host, and the caller named none          | aborted | already-moved  |
 * | is on another host than when it was asked for, the caller named a third | queued, planned anew | source-changed |
 *
 * Nova refuses the first four to whoever asks then: 404, and 409 for the others (nova/compute/api.py, live_migrate).
 * A wish without a destination is to leave the source; that has happened.
 *
 * @param busySinceMs since when the server was seen with a task, null: it was not
 */
export function standing(
  waiting: { source: string; request: { host: string | null }; server: { requesterRoles?: string[] | undefined } },
  server: ServerDetails | null,
  busySinceMs: number | null,
  nowMs: number,
): Standing {
  if (server === null) return ended('server-gone', 'Nova knows the server no more');
  const { taskState, status, locked, host } = server;
  if (taskState !== null && DELETING.includes(taskState)) return ended('server-gone', 'the server is being deleted');
  if (status === 'DELETED' || status === 'SOFT_DELETED') return ended('server-gone', 'the server has been deleted');
  if (locked && !waiting.server.requesterRoles?.includes(ADMINISTRATOR)) {
    return ended('server-locked', 'the server was locked while its migration waited');
  }
  if (taskState !== null) {
    const reason = {
      code: 'server-busy',
      text: `the server has the task ${taskState}: looked at again when it is over`,
    };
    if (busySinceMs === null || nowMs - busySinceMs < BUSY_AT_MOST_MS) return { kind: 'busy', reason };
    return ended('server-busy', `the server has had the task ${taskState} for ${BUSY_AT_MOST_MS / 60_000} minutes`);
  }
  if (!isMigratable(server)) {
    return ended('server-state', `the server is ${status} now: only one that is ACTIVE or PAUSED is live-migrated`);
  }
  if (host === null) return ended('server-state', 'Nova names no host of the server any more');
  if (host === waiting.source) return { kind: 'ready' };
  const wanted = waiting.request.host;
  if (wanted === null) return ended('already-moved', `the server has left ${waiting.source} by itself, for ${host}`);
  if (wanted === host) return ended('already-there', `the server is on ${host} already`);
  const reason = { code: 'source-changed', text: `the server is on ${host} now: planned anew from there` };
  return { kind: 'moved', source: host, reason };
}

function ended(code: string, text: string): Standing {
  return { kind: 'ended', reason: { code, text } };
}
