import { handleMigrations } from './handler.ts';
import type { Ask, MigrationsSource, MigrationsVerdict, ServedRequest } from './request.ts';
import { shownMigrating } from './servers/edit.ts';
import { listServers } from './servers/list.ts';
import { serversTarget } from './servers/target.ts';
import { migrationsTarget } from './target.ts';

/** What becomes of a request in whose answer a migration that waits has to be seen. @throws ProxyError: no answer */
export type Overlay = (request: ServedRequest, ask: Ask) => Promise<MigrationsVerdict>;

/**
 * Null: the request and its answer are Nova's alone and stream through.
 *
 * A server whose migration waits is shown as Nova shows one whose migration it has accepted: MIGRATING. So clients that
 * wait for it to be ACTIVE again (`openstack server migrate --wait`, tempest, Horizon) wait for the real end. It is
 * looked up before Nova is asked: from the moment in which Nova has its own record, Nova's own answer says MIGRATING,
 * and in no answer in between is it ACTIVE.
 *
 * What a migration that waits does *not* do is to make Nova refuse anything: another action on the server (reboot, stop,
 * resize, …), to which Nova would answer 409 `… while it is in task_state migrating`, is carried out, and the migration
 * is looked at anew and ends or waits for it (controller/standing.ts). Only a second live migration is answered with
 * that 409 (controller/beside-another.ts).
 *
 * Not covered: answers other than these in which Nova shows a server's state (`PUT /servers/{id}`, which renames it), and
 * os-instance-actions, where the action stands once Nova has it.
 */
export function overlayOf(
  method: string,
  rawTarget: string,
  rawHeaders: readonly string[],
  source: MigrationsSource,
): Overlay | null {
  const target = migrationsTarget(method, rawTarget, rawHeaders);
  if (target !== null) return (request, ask) => handleMigrations({ ...request, target }, ask, source);
  if (method !== 'GET') return null;
  const migrating = source.migrating();
  if (migrating.size === 0) return null;
  const servers = serversTarget(method, rawTarget, rawHeaders);
  if (servers === null || (servers.kind === 'one' && !migrating.has(servers.serverId))) return null;
  return async (request, ask) => {
    const isOne = servers.kind === 'one';
    const answer = isOne ? shownMigrating(await ask(), 'server', migrating) : listServers(request, ask, migrating);
    return { kind: 'answer', answer: await answer };
  };
}
