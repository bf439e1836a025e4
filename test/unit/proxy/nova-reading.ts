/**
 * What Nova makes of a request to a server's action, written after its own sources and not after Drover's: WSGI servers
 * (eventlet joins repeated fields, uWSGI takes the last), nova/api/openstack/{urlmap,wsgi,__init__}.py,
 * microversion_parse, Python's json, nova/api/openstack/compute/schemas/migrate_server.py.
 */
export interface NovaRequest {
  method: string;
  target: string;
  /** Names and values in turn. */
  raw: string[];
  body: Buffer;
}

export interface NovaReading {
  serverId: string;
  host: string | null;
  blockMigration: unknown;
  diskOverCommit: unknown;
  force: unknown;
  microversion: string;
}

export type WsgiServer = 'eventlet' | 'uwsgi';

/** Null: no live migration. */
export function novaReads(request: NovaRequest, server: WsgiServer): NovaReading | null {
  if (request.method !== 'POST') return null;
  const variables = wsgiVariables(request.raw, server);
  const pathInfo = unquote((request.target.split('?')[0] ?? '').replace(/^https?:\/\/[^/]*/i, '')).replace(/\/+/g, '/');
  const routed = route(pathInfo, variables);
  if (routed === null) return null;
  const match = /^\/(?:[0-9a-f-]+\/)?servers\/([^/]+)\/action\/?$/.exec(routed.rest);
  const id = match?.[1] ?? '';
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return null;
  const contentType = variables.get('CONTENT_TYPE')?.split(';')[0];
  const supported = ['', 'text/plain', 'application/json', 'application/vnd.openstack.compute+json'];
  if (contentType !== undefined && !supported.includes(contentType)) return null;
  const microversion = routed.legacy ? '2.1' : microversionOf(variables);
  if (microversion === null) return null;
  const members = migrateLive(request.body);
  if (members === null) return null;
  return validated(id.toLowerCase(), members, microversion);
}

function wsgiVariables(raw: string[], server: WsgiServer): Map<string, string> {
  const variables = new Map<string, string>();
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toUpperCase().replaceAll('-', '_');
    const before = variables.get(name);
    const value = raw[i + 1] ?? '';
    // CONTENT_TYPE is no HTTP_ variable: eventlet takes the first, as Python's message.get does.
    if (server === 'uwsgi' || before === undefined) variables.set(name, value);
    else if (name !== 'CONTENT_TYPE') variables.set(name, `${before},${value}`);
  }
  return variables;
}

function unquote(path: string): string {
  return path.replace(/%([0-9a-fA-F]{2})/g, (_all, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function route(path: string, variables: Map<string, string>): { rest: string; legacy: boolean } | null {
  for (const version of ['v2.1', 'v2']) {
    if (path.startsWith(`/${version}/`)) return { rest: path.slice(version.length + 1), legacy: version === 'v2' };
  }
  for (const name of ['CONTENT_TYPE', 'HTTP_ACCEPT', 'ACCEPT']) {
    const version = /;\s*version\s*=\s*"?([^";,\s]+)/.exec(variables.get(name) ?? '')?.[1];
    if (version === '2' || version === '2.1') return { rest: path, legacy: version === '2' };
  }
  // Mounted with the version in SCRIPT_NAME.
  return { rest: path, legacy: false };
}

const BLANK = '[\\t\\n\\v\\f\\r \\x1c-\\x1f\\x85\\xa0]';
const strip = (text: string) => text.replace(new RegExp(`^${BLANK}+|${BLANK}+$`, 'g'), '');

function microversionOf(variables: Map<string, string>): string | null {
  let asked: string | undefined;
  for (const part of (variables.get('OPENSTACK_API_VERSION') ?? '').split(',').reverse()) {
    const [service, version] = strip(part).split(new RegExp(`${BLANK}+(.*)`, 's'));
    if (version !== undefined && service?.toLowerCase() === 'compute') {
      asked = strip(version);
      break;
    }
  }
  asked ??= variables.has('X_OPENSTACK_NOVA_API_VERSION')
    ? strip(variables.get('X_OPENSTACK_NOVA_API_VERSION')?.split(',').at(-1) ?? '')
    : '2.1';
  return asked === 'latest' || /^2\.([1-9]\d?|10[0-4]|0)$/.test(asked) ? asked : null;
}

function migrateLive(body: Buffer): Record<string, unknown> | null {
  let decoded: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    decoded = JSON.parse(
      text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (token) => (token.startsWith('"') ? token : '1e999')),
    );
  } catch {
    return null;
  }
  if (typeof decoded !== 'object' || decoded === null || Array.isArray(decoded)) return null;
  const entries = Object.entries(decoded);
  const [name, members] = entries[0] ?? [];
  if (entries.length !== 1 || name !== 'os-migrateLive') return null;
  return typeof members === 'object' && members !== null && !Array.isArray(members)
    ? (members as Record<string, unknown>)
    : null;
}

const TRUE = [true, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes'];
const FALSE = [false, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no'];

function validated(serverId: string, members: Record<string, unknown>, microversion: string): NovaReading | null {
  const minor = microversion === 'latest' ? 999 : Number(microversion.split('.')[1]);
  const names = ['host', 'block_migration'];
  if (minor < 25) names.push('disk_over_commit');
  if (!names.every((name) => Object.hasOwn(members, name))) return null;
  if (minor >= 30 && minor < 68) names.push('force');
  if (!Object.keys(members).every((name) => names.includes(name))) return null;
  const { host } = members;
  const isHost =
    typeof host === 'string' && host.length >= 1 && host.length <= 255 && /^[a-zA-Z0-9-._]*\n?$/.test(host);
  if (host !== null && !isHost) return null;
  const boolean = (value: unknown) =>
    TRUE.includes(value as never) ? true : FALSE.includes(value as never) ? false : null;
  const blockMigration = minor >= 25 && members.block_migration === 'auto' ? 'auto' : boolean(members.block_migration);
  if (blockMigration === null) return null;
  const diskOverCommit = minor < 25 ? boolean(members.disk_over_commit) : null;
  if (minor < 25 && diskOverCommit === null) return null;
  const force = Object.hasOwn(members, 'force') ? boolean(members.force) : null;
  if (Object.hasOwn(members, 'force') && (force === null || (force && host === null))) return null;
  return { serverId, host: host as string | null, blockMigration, diskOverCommit, force, microversion };
}
