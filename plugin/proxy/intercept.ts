import { headerValues } from './headers.ts';
import { parseUnambiguousJson } from './json.ts';
import { isAtLeast, requestedMicroversion } from './microversion.ts';
import { type ActionPath, actionPath } from './path.ts';

/** What an `os-migrateLive` asks for. */
export interface LiveMigrateAction {
  /** Lower case. */
  serverId: string;
  /** Null: the scheduler chooses. */
  host: string | null;
  blockMigration: boolean | 'auto';
  /** Below 2.25 only. */
  diskOverCommit: boolean | null;
  /** 2.30 to 2.67 only. */
  force: boolean | null;
  /** `2.93`, `latest`, or `2.1` where the request names none. */
  microversion: string;
}

/** A request whose body must be looked at: some action of a server. */
export interface ActionTarget extends ActionPath {
  microversion: string;
}

const JSON_TYPES = new Set(['application/json', 'application/vnd.openstack.compute+json']);

/** Spellings of booleans that Nova takes (nova/api/validation/parameter_types.py). */
const BOOLEANS = new Map<unknown, boolean>([
  ...[true, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes'].map((word) => [word, true] as const),
  ...[false, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no'].map(
    (word) => [word, false] as const,
  ),
]);

/** Nova's `fqdn` (nova/api/validation/parameter_types.py): 1 to 255 of these. */
const HOST = /^[a-zA-Z0-9-._]{1,255}$/;

/** The server that a request acts on, null for every request whose body is of no interest. Pure. */
export function actionTarget(method: string, rawTarget: string, rawHeaders: readonly string[]): ActionTarget | null {
  if (method !== 'POST') return null;
  const path = actionPath(rawTarget);
  if (!path || headerValues(rawHeaders, 'content-encoding').length > 0) return null;
  // Of two tokens nobody here knows which one Nova takes.
  if (headerValues(rawHeaders, 'x-auth-token').length > 1) return null;
  const [contentType, ...more] = headerValues(rawHeaders, 'content-type');
  const mediaType = contentType?.split(';')[0]?.trim().toLowerCase();
  if (mediaType === undefined || more.length > 0 || !JSON_TYPES.has(mediaType)) return null;
  const microversion = path.legacyV2 ? '2.1' : requestedMicroversion(rawHeaders);
  return microversion === null ? null : { ...path, microversion };
}

/**
 * The live migration in an action's body; null for every other action and for every body that Nova refuses: there Nova
 * is to say so itself. Pure.
 *
 * | microversion | members of os-migrateLive                                        |
 * |--------------|------------------------------------------------------------------|
 * | to 2.24      | host, block_migration, disk_over_commit                          |
 * | 2.25 to 2.29 | host, block_migration (also `auto`)                              |
 * | 2.30 to 2.67 | the same, and `force` if wanted, which then needs a host         |
 * | from 2.68    | host, block_migration                                            |
 *
 * Source: nova/api/openstack/compute/schemas/migrate_server.py
 */
export function liveMigrateAction(target: ActionTarget, body: Uint8Array): LiveMigrateAction | null {
  const action = onlyMember(parseUnambiguousJson(body), 'os-migrateLive');
  if (!action) return null;
  const { serverId, microversion } = target;
  const takesAuto = isAtLeast(microversion, '2.25');
  const takesForce = isAtLeast(microversion, '2.30') && !isAtLeast(microversion, '2.68');

  const required = ['host', 'block_migration', ...(takesAuto ? [] : ['disk_over_commit'])];
  const allowed = [...required, ...(takesForce ? ['force'] : [])];
  const members = Object.keys(action);
  if (!required.every((name) => members.includes(name)) || !members.every((name) => allowed.includes(name)))
    return null;

  const { host } = action;
  if (host !== null && !(typeof host === 'string' && HOST.test(host))) return null;
  const blockMigration =
    takesAuto && action.block_migration === 'auto' ? ('auto' as const) : BOOLEANS.get(action.block_migration);
  if (blockMigration === undefined) return null;
  const diskOverCommit = takesAuto ? null : BOOLEANS.get(action.disk_over_commit);
  if (diskOverCommit === undefined) return null;
  const force = members.includes('force') ? BOOLEANS.get(action.force) : null;
  if (force === undefined || (force === true && host === null)) return null;
  return { serverId, host, blockMigration, diskOverCommit, force, microversion };
}

function onlyMember(value: unknown, name: string): Record<string, unknown> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length !== 1 || first?.[0] !== name) return null;
  const member: unknown = first[1];
  return typeof member === 'object' && member !== null && !Array.isArray(member)
    ? (member as Record<string, unknown>)
    : null;
}
