import { headerValues } from './headers.ts';
import type { RequestHead } from './http/request.ts';
import { serverPath } from './path.ts';

/** A request about one server that Nova took; what it did to the server is for Nova to say. */
export interface ServerChange {
  /** Lower case. */
  serverId: string;
  /** `abort` and `force-complete` of a migration of Nova's own; anything else is `other`. */
  kind: 'abort' | 'force-complete' | 'other';
  novaMigrationId: number | null;
  /** The caller's. */
  token: string | null;
}

/**
 * What a request may have changed; null where it only read, where Nova refused it, and where it concerns no server.
 */
export function serverChange(
  { method, target, fields }: Pick<RequestHead, 'method' | 'target' | 'fields'>,
  status: number,
): ServerChange | null {
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || status >= 300) return null;
  const path = serverPath(target);
  if (!path) return null;
  const { serverId, below } = path;
  const token = headerValues(fields.raw, 'x-auth-token')[0] ?? null;
  const [migrations, id, action] = below;
  if (migrations === 'migrations' && id !== undefined && /^\d{1,10}$/.test(id)) {
    const kind = method === 'DELETE' ? 'abort' : action === 'action' ? 'force-complete' : 'other';
    return { serverId, kind, novaMigrationId: Number(id), token };
  }
  return { serverId, kind: 'other', novaMigrationId: null, token };
}
