const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export interface ActionPath {
  /** Lower case. */
  serverId: string;
  /** Under `/v2`, where Nova ignores microversions. */
  legacyV2: boolean;
  /** The path names the API's version. */
  versioned: boolean;
}

/**
 * The segments of a request target as a WSGI server and Nova's urlmap see them: without scheme, authority and query,
 * percent-decoded once (`%2F` becomes a slash; bytes as latin-1, an escape that is none stays), empty and `.` segments left
 * out, `..` resolved. Null where it is no path. Only for comparing; the target itself is sent on as it came.
 */
export function normalSegments(rawTarget: string): string[] | null {
  const path = rawTarget.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  if (!path.startsWith('/')) return null;
  const decoded = path.replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
  const segments: string[] = [];
  for (const segment of decoded.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return segments;
}

/**
 * The server that an action path names, null for every other path.
 *
 * | form                                     |                                                        |
 * |------------------------------------------|--------------------------------------------------------|
 * | /v2.1/servers/ID/action                  | also with a trailing slash                             |
 * | /v2.1/PROJECT/servers/ID/action          | clients older than 2.18                                |
 * | /v2/servers/ID/action, /v2/PROJECT/...   | legacy                                                 |
 * | /compute/v2.1/...                        | nova-api-wsgi mounted below a path                     |
 * | /servers/ID/action, /PROJECT/servers/... | the version is part of where the application is mounted |
 */
export function actionPath(rawTarget: string): ActionPath | null {
  const segments = normalSegments(rawTarget);
  if (!segments || segments.length < 3) return null;
  const [collection, id, action] = segments.slice(-3);
  if (collection !== 'servers' || action !== 'action' || id === undefined || !UUID.test(id)) return null;
  const prefix = segments.slice(0, -3);
  const versionAt = prefix.findLastIndex((segment) => segment === 'v2' || segment === 'v2.1');
  const afterVersion = prefix.length - versionAt - 1;
  if (afterVersion > 1) return null;
  return { serverId: id.toLowerCase(), legacyV2: prefix[versionAt] === 'v2', versioned: versionAt !== -1 };
}

/** What lies below a server: `/servers/ID/migrations/7` gives its id and `['migrations', '7']`. */
export function serverPath(rawTarget: string): { serverId: string; below: string[] } | null {
  const segments = normalSegments(rawTarget) ?? [];
  const at = segments.indexOf('servers');
  const id = at === -1 ? undefined : segments[at + 1];
  return id !== undefined && UUID.test(id) ? { serverId: id.toLowerCase(), below: segments.slice(at + 2) } : null;
}
