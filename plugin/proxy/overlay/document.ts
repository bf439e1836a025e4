import { headerValues } from '../headers.ts';
import { parseUnambiguousJson } from '../json.ts';
import type { UpstreamAnswer } from '../live-migrate.ts';
import { basePath, linkBase } from './links.ts';
import { answeredMicroversion } from './proof.ts';
import type { Ask, MigrationsRequest } from './request.ts';
import type { Listed } from './select.ts';
import type { Viewer, WaitingMigration } from './views.ts';

/** The document of a list that Nova gave; null where there is none that can be added to. */
export function migrationsIn(answer: UpstreamAnswer): { migrations: Listed[]; migrations_links?: unknown } | null {
  if (answer.status !== 200 || headerValues(answer.rawHeaders, 'content-encoding').length > 0) return null;
  const document = parseUnambiguousJson(answer.body);
  const has = typeof document === 'object' && document !== null && 'migrations' in document;
  return has && Array.isArray(document.migrations) ? (document as { migrations: Listed[] }) : null;
}

/** What the caller may see, judged by what Nova shows this caller. */
export async function viewerOf(
  request: MigrationsRequest,
  ask: Ask,
  answer: UpstreamAnswer,
  listed: readonly Listed[],
  added: readonly WaitingMigration[],
): Promise<Viewer> {
  return {
    microversion: answeredMicroversion(answer),
    base: linkBase(request.path, request.rawHeaders, listed),
    seesHosts: await seesHosts(request, ask, listed, added),
  };
}

/** From Nova 32 a policy of its own hides hosts: seen in its entries, or else in what it shows of the server. */
async function seesHosts(
  request: MigrationsRequest,
  ask: Ask,
  listed: readonly Listed[],
  added: readonly WaitingMigration[],
): Promise<boolean> {
  if (listed.length > 0) return listed.some((entry) => 'source_compute' in entry && entry.source_compute !== null);
  if (added.length === 0) return false;
  const server = await ask({ method: 'GET', path: `${basePath(request.path)}/servers/${added[0]?.vmUuid}` });
  return server.status === 200 && server.body.includes('"OS-EXT-SRV-ATTR:host"');
}
