import type { UpstreamAnswer } from '../live-migrate.ts';
import { isAtLeast } from '../microversion.ts';
import { withDocument } from './answers.ts';
import { migrationsIn, viewerOf } from './document.ts';
import { type OverlayUuid, readOverlayUuid } from './identity.ts';
import { basePath, nextLink } from './links.ts';
import { answeredMicroversion } from './proof.ts';
import type { Ask, MigrationsRequest, MigrationsSource, MigrationsVerdict } from './request.ts';
import {
  compareNewestFirst,
  type Listed,
  matches,
  notYetNovas,
  type Place,
  pageOf,
  parametersOf,
  placeOf,
} from './select.ts';
import { listedView, type WaitingMigration } from './views.ts';

/** nova.conf [api]max_limit; a smaller one only makes more pages. */
const PAGE_SIZE = 1000;
/** From one of ours back to its place in Nova's list: 20,000 migrations younger than it. */
const PAGES_TO_SEARCH = 20;

/** Nova's page: its entries after the marker, and whether it says that more follow. */
interface NovaPage {
  answer: UpstreamAnswer;
  listed: Listed[];
  full: boolean;
}

/** GET /os-migrations. */
export async function list(request: MigrationsRequest, ask: Ask, source: MigrationsSource): Promise<MigrationsVerdict> {
  const parameters = parametersOf(request.path);
  const marker = readOverlayUuid(parameters.get('marker') ?? '');
  const [waits, over] = await Promise.all([source.waiting(null), source.ended()]);
  const waiting = [...waits, ...over].sort((a, b) => a.id - b.id);
  if (waiting.length === 0 && marker === null) return { kind: 'pass', path: null };
  const page = marker === null ? await asAsked(ask) : await after(marker, request, ask);
  if ('body' in page) return { kind: 'answer', answer: page };
  return { kind: 'answer', answer: await merged(request, ask, page, marker, waiting, parameters) };
}

async function asAsked(ask: Ask): Promise<NovaPage | UpstreamAnswer> {
  const answer = await ask();
  const document = migrationsIn(answer);
  return document ? { answer, listed: document.migrations, full: document.migrations_links !== undefined } : answer;
}

/**
 * What follows one of ours, whose uuid Nova would refuse as a marker. Nova cannot be asked for what was created before
 * some time: the list is read from its beginning to there.
 */
async function after(marker: OverlayUuid, request: MigrationsRequest, ask: Ask): Promise<NovaPage | UpstreamAnswer> {
  const place = placeOf(marker);
  const limit = limitOf(parametersOf(request.path));
  const query = new URLSearchParams(request.path.slice(request.path.indexOf('?') + 1));
  query.delete('marker');
  if (limit !== null && limit > 0) query.set('limit', String(PAGE_SIZE));
  const found: Listed[] = [];
  for (let page = 1; ; page += 1) {
    const answer = await ask({ path: `${request.path.split('?')[0]}?${query}` });
    const document = migrationsIn(answer);
    if (!document) return answer;
    const { migrations, migrations_links } = document;
    found.push(...migrations.filter((entry) => compareNewestFirst(entry, place) > 0));
    const last = migrations.at(-1)?.uuid;
    const more = migrations_links !== undefined && last !== undefined;
    if (!more || found.length >= Math.max(1, limit ?? 1) || page === PAGES_TO_SEARCH) {
      const listed = limit === null ? found : found.slice(0, limit);
      return { answer, listed, full: more || listed.length < found.length };
    }
    query.set('marker', last);
  }
}

async function merged(
  request: MigrationsRequest,
  ask: Ask,
  { answer, listed, full }: NovaPage,
  marker: OverlayUuid | null,
  waiting: readonly WaitingMigration[],
  parameters: ReadonlyMap<string, string>,
): Promise<UpstreamAnswer> {
  const microversion = answeredMicroversion(answer);
  const chosen = notYetNovas(waiting, listed).filter((one) => matches(one, parameters, microversion));
  // As Nova wrote it, byte for byte.
  if (chosen.length === 0 && marker === null) return answer;
  const viewer = await viewerOf(request, ask, answer, listed, chosen);
  const views = chosen.map((one) => listedView(one, viewer) as unknown as Listed);
  // Without paging Nova lists by id, and these have the highest.
  if (!isAtLeast(microversion, '2.59')) return withDocument(answer, { migrations: [...listed, ...views] });
  const place = marker ? placeOf(marker) : await placeOfNovas(parameters.get('marker'), request, ask, listed);
  const added = place === null ? views : views.filter((view) => compareNewestFirst(view, place) > 0);
  const { entries, more } = pageOf(listed, full, added, limitOf(parameters));
  const last = entries.at(-1)?.uuid;
  return withDocument(answer, {
    migrations: entries,
    ...(more && last !== undefined
      ? { migrations_links: [{ rel: 'next', href: nextLink(viewer.base, parameters, last) }] }
      : {}),
  });
}

/**
 * Where Nova's own entry with this uuid stands; null without a marker. Below 2.59 Nova's list takes `uuid` as a filter
 * (`additionalProperties` of list_query_schema_v20). If it does not tell, what follows the first entry is sure to follow.
 */
async function placeOfNovas(
  uuid: string | undefined,
  request: MigrationsRequest,
  ask: Ask,
  listed: readonly Listed[],
): Promise<Place | null> {
  if (uuid === undefined) return null;
  const query = new URLSearchParams({ uuid });
  // Without it Nova refuses whoever may see one project only (from Nova 32).
  const project = parametersOf(request.path).get('project_id');
  if (project !== undefined) query.set('project_id', project);
  const answer = await ask({
    path: `${basePath(request.path)}/os-migrations?${query}`,
    microversion: '2.1',
  });
  const found = migrationsIn(answer)?.migrations;
  const [one] = found ?? [];
  if (one && found?.length === 1) return one;
  return listed[0] ?? { id: 0, created_at: '' };
}

function limitOf(parameters: ReadonlyMap<string, string>): number | null {
  const limit = parameters.get('limit');
  return limit !== undefined && /^\d+$/.test(limit) ? Number(limit) : null;
}
