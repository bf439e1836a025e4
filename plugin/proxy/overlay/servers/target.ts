import { headerValues } from '../../headers.ts';
import { normalSegments } from '../../path.ts';
import { belowVersion } from '../target.ts';
import { widened } from './filter.ts';

/**
 * A request whose answer shows the state of servers.
 *
 * | kind | request              | its answer          |
 * |------|----------------------|---------------------|
 * | one  | GET /servers/{id}    | `{"server": {…}}`   |
 * | all  | GET /servers/detail  | `{"servers": [{…}]}` |
 * | all  | GET /servers that asks for migrating ones only | the same, without the state |
 */
export type ServersTarget = { kind: 'one'; serverId: string } | { kind: 'all'; serverId: null };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Null for every other request. Pure. */
export function serversTarget(method: string, rawTarget: string, rawHeaders: readonly string[]): ServersTarget | null {
  if (method !== 'GET') return null;
  // Of two tokens nobody here knows which one Nova takes.
  if (headerValues(rawHeaders, 'x-auth-token').length > 1) return null;
  const [servers, id, ...more] = belowVersion(normalSegments(rawTarget) ?? []);
  if (servers !== 'servers' || more.length > 0) return null;
  if (id === undefined) return widened(rawTarget) === null ? null : { kind: 'all', serverId: null };
  if (id === 'detail') return { kind: 'all', serverId: null };
  return UUID.test(id) ? { kind: 'one', serverId: id.toLowerCase() } : null;
}
