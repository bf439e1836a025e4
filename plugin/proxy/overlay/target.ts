import { headerValues } from '../headers.ts';
import { normalSegments } from '../path.ts';
import { recordId } from './identity.ts';

/**
 * A request in which a migration that waits may have to be seen.
 *
 * | kind     | request                                             |
 * |----------|-----------------------------------------------------|
 * | all      | GET /os-migrations                                  |
 * | server   | GET /servers/{id}/migrations                        |
 * | show     | GET /servers/{id}/migrations/{mid}                  |
 * | abort    | DELETE /servers/{id}/migrations/{mid}               |
 * | force    | POST /servers/{id}/migrations/{mid}/action          |
 *
 * The last three only with an id of Drover's range; Nova's own are Nova's.
 */
export type MigrationsTarget =
  | { kind: 'all'; serverId: null; record: null }
  | { kind: 'server'; serverId: string; record: null }
  | { kind: 'show' | 'abort' | 'force'; serverId: string; record: number };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Null for every other request. Pure. */
export function migrationsTarget(
  method: string,
  rawTarget: string,
  rawHeaders: readonly string[],
): MigrationsTarget | null {
  if (!rawTarget.includes('igrations') && !rawTarget.includes('%')) return null;
  // Of two tokens nobody here knows which one Nova takes.
  if (headerValues(rawHeaders, 'x-auth-token').length > 1) return null;
  const segments = belowVersion(normalSegments(rawTarget) ?? []);
  if (method === 'GET' && segments.length === 1 && segments[0] === 'os-migrations') {
    return { kind: 'all', serverId: null, record: null };
  }
  const [servers, id, migrations, apiId, action] = segments;
  if (servers !== 'servers' || migrations !== 'migrations' || id === undefined || !UUID.test(id)) return null;
  const serverId = id.toLowerCase();
  if (apiId === undefined) return method === 'GET' ? { kind: 'server', serverId, record: null } : null;
  const record = recordId(apiId);
  if (record === null) return null;
  if (action === undefined && method === 'GET') return { kind: 'show', serverId, record };
  if (action === undefined && method === 'DELETE') return { kind: 'abort', serverId, record };
  return action === 'action' && method === 'POST' && segments.length === 5 ? { kind: 'force', serverId, record } : null;
}

/** What follows `/v2.1`, `/v2.1/PROJECT`, or where the application is mounted without a version (see path.ts). */
export function belowVersion(segments: string[]): string[] {
  const at = segments.findIndex((segment) => segment === 'servers' || segment === 'os-migrations');
  if (at === -1) return [];
  const versionAt = segments.slice(0, at).findLastIndex((segment) => segment === 'v2' || segment === 'v2.1');
  return at - versionAt - 1 > 1 ? [] : segments.slice(at);
}

/** The target with another id in the place of the last one of its path. */
export function withMigrationId(rawTarget: string, from: number, to: number): string {
  const [path = '', ...query] = rawTarget.split('?');
  const at = path.lastIndexOf(String(from));
  if (at === -1) return rawTarget;
  return [path.slice(0, at) + to + path.slice(at + String(from).length), ...query].join('?');
}
