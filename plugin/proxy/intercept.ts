import { ProxyError } from './errors.ts';
import { headerValues } from './headers.ts';
import { readJson } from './json.ts';
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
  /** Why Nova might read the header in another way than Drover; null: it cannot. */
  doubt: string | null;
}

/** Nova also parses a body without a type, which is text/plain to some servers (nova/api/openstack/wsgi.py). */
const JSON_TYPES = new Set(['application/json', 'application/vnd.openstack.compute+json', 'text/plain', '']);

/** Fields of which servers take the first, the last, or all of them. */
const ONCE = ['content-type', 'x-auth-token', 'openstack-api-version', 'x-openstack-nova-api-version'];

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
  if (method.toUpperCase() !== 'POST') return null;
  const path = actionPath(rawTarget);
  if (!path) return null;
  const doubt = doubtOf(path, rawHeaders);
  const [contentType = ''] = headerValues(rawHeaders, 'content-type');
  const mediaType = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (doubt === null && !JSON_TYPES.has(mediaType)) return null;
  const microversion = path.legacyV2 ? '2.1' : requestedMicroversion(rawHeaders);
  if (microversion === null && doubt === null) return null;
  return { ...path, microversion: microversion ?? '2.1', doubt };
}

/** What makes two readers of the same header disagree. */
function doubtOf(path: ActionPath, rawHeaders: readonly string[]): string | null {
  for (const name of ONCE) {
    const values = headerValues(rawHeaders, name);
    if (values.length > 1) return `more than one ${name} header field`;
    // Bytes that are white space in Python and not here.
    if (/[^\t -~]/.test(values[0] ?? '')) return `a byte above 7F in ${name}`;
  }
  // Nova takes the API's version from there where the path has none (nova/api/openstack/urlmap.py).
  const negotiated = ['content-type', 'accept'].flatMap((name) => headerValues(rawHeaders, name));
  if (!path.versioned && negotiated.some((value) => /version/i.test(value)))
    return 'a version in Content-Type or Accept';
  return null;
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
 *
 * @throws ProxyError `request-invalid` where Nova might read a live migration in it, but perhaps another one
 */
export function liveMigrateAction(target: ActionTarget, body: Uint8Array): LiveMigrateAction | null {
  const reading = readJson(body);
  const action = onlyMember(reading?.value, 'os-migrateLive');
  if (!action) return null;
  const { serverId, microversion } = target;
  const doubt = target.doubt ?? reading?.doubt ?? null;
  if (doubt !== null)
    throw new ProxyError('request-invalid', `A live migration that can be read in two ways: ${doubt}.`);
  const takesAuto = isAtLeast(microversion, '2.25');
  const takesForce = isAtLeast(microversion, '2.30') && !isAtLeast(microversion, '2.68');

  const required = ['host', 'block_migration', ...(takesAuto ? [] : ['disk_over_commit'])];
  const allowed = [...required, ...(takesForce ? ['force'] : [])];
  const members = Object.keys(action);
  if (!required.every((name) => members.includes(name)) || !members.every((name) => allowed.includes(name)))
    return null;

  const { host } = action;
  // Python's `$` also stands before a line feed at the end.
  if (typeof host === 'string' && host.endsWith('\n')) {
    throw new ProxyError('request-invalid', 'The host of a live migration ends with a line feed.');
  }
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
