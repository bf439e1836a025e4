import type { Reason } from '../contract.ts';
import type { AdmissionCalls, ServerDetails } from '../nova/control.ts';
import type { KeptServer } from './store/store.ts';

export type Admission =
  | { kind: 'pass'; reason: Reason }
  | {
      kind: 'take';
      userId: string;
      /** What Nova would echo. */
      microversion: string;
      server: KeptServer;
      source: string;
      destination: string | null;
      /** Hosts that Nova may choose where the caller named none. */
      candidates: string[];
      /** KeptRequest.newestBefore */
      newestBefore: number;
    };

const MIGRATABLE = ['ACTIVE', 'PAUSED'];

/** Whose role makes Nova's `context.is_admin` (its policy `context_is_admin`). */
export const ADMINISTRATOR = 'admin';

/** Nova live-migrates it: in the right state, and with no task. */
export function isMigratable({ status, taskState }: Pick<ServerDetails, 'status' | 'taskState'>): boolean {
  return MIGRATABLE.includes(status) && taskState === null;
}

/**
 * Decides whether Drover may take a live migration in its hands. It takes only what Nova would accept; whatever Nova
 * would refuse at once (401, 403, 404, 409, unknown or same host) passes, so that the caller reads Nova's own answer.
 */
export async function admit(
  request: { token: string | null; serverId: string; host: string | null; microversion: string },
  calls: AdmissionCalls,
  liveMigrateRoles: string[],
): Promise<Admission> {
  const { token, serverId, host, microversion } = request;
  if (!token) return pass('no-token', 'there is no token');
  const [caller, visible, server, hosts, newestBefore] = await Promise.all([
    calls.caller(token),
    calls.visible(token, serverId, microversion),
    calls.server(serverId),
    calls.computeHosts(),
    calls.newestMigration(serverId),
  ]);
  if (!caller) return pass('token-invalid', 'the token is not valid');
  if (!visible || !server) return pass('server-unknown', `the caller sees no server ${serverId}`);
  if (!caller.roles.some((role) => liveMigrateRoles.includes(role))) {
    return pass('role-missing', `the caller has none of the roles ${liveMigrateRoles.join(', ')}`);
  }
  const { userId, roles } = caller;
  // Nova lets administrators act on a locked server; who else may is its policy's affair.
  const rights = { userId, roles, mayUnlock: roles.includes(ADMINISTRATOR) };
  return judge(server, { host, hosts, ...rights, microversion: visible.microversion, newestBefore });
}

/** Whether Nova would take a live migration of this server, of a caller that may ask for one. */
export function judge(
  server: ServerDetails,
  {
    host,
    hosts,
    userId,
    roles,
    mayUnlock,
    microversion,
    newestBefore,
  }: {
    host: string | null;
    /** Compute hosts that are up. */
    hosts: string[];
    userId: string;
    roles: string[];
    mayUnlock: boolean;
    microversion: string;
    newestBefore: number;
  },
): Admission {
  if (!isMigratable(server)) {
    return pass('server-busy', `the server is ${server.status}, task ${server.taskState ?? 'none'}`);
  }
  if (server.locked && !mayUnlock) return pass('server-locked', 'the server is locked');
  if (server.host === null) return pass('server-without-host', 'Nova names no host of the server');
  const candidates = hosts.filter((name) => name !== server.host);
  if (host !== null && !candidates.includes(host)) {
    return pass('destination-refused', `${host} is no other compute host that is up`);
  }
  const { name, projectId, flavorName, memoryBytes, metadata, imageId, availabilityZone, node = null } = server;
  return {
    kind: 'take',
    userId,
    microversion,
    server: {
      name,
      projectId,
      flavorName,
      memoryBytes,
      metadata,
      imageId,
      availabilityZone,
      requesterRoles: roles,
      node,
    },
    source: server.host,
    // With one other host there is nothing for Nova to choose; the request itself stays as it came.
    destination: host ?? (candidates.length === 1 ? (candidates[0] ?? null) : null),
    candidates,
    newestBefore,
  };
}

function pass(code: string, text: string): Admission {
  return { kind: 'pass', reason: { code, text } };
}
