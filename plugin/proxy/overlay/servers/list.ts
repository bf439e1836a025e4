import type { UpstreamAnswer } from '../../live-migrate.ts';
import { nextLink } from '../links.ts';
import type { Ask, ServedRequest } from '../request.ts';
import { parametersOf } from '../select.ts';
import { isJson, shownMigrating, withText } from './edit.ts';
import { widened } from './filter.ts';
import { objectsOf } from './members.ts';

/** Servers of a list, each as Nova wrote it. */
interface Page {
  servers: { id: string; text: string }[];
  /** Nova says that more follow. */
  full: boolean;
}

/**
 * A list of servers in which those whose migration waits are MIGRATING. One that asks for migrating ones only is asked
 * for a second time, more widely, and those that wait are taken from there, in Nova's order.
 *
 * Not covered: such a list comes as Nova gives it where the caller sees more servers, ACTIVE or PAUSED, than Nova lists
 * at once (1000).
 */
export async function listServers(
  request: ServedRequest,
  ask: Ask,
  migrating: ReadonlySet<string>,
): Promise<UpstreamAnswer> {
  const answer = shownMigrating(await ask(), 'servers', migrating);
  const wide = widened(request.path);
  const own = wide && pageOf(answer);
  if (!wide || !own) return answer;
  const all = pageOf(shownMigrating(await ask({ path: wide.target }), 'servers', migrating));
  if (!all || all.full) return answer;
  const owned = new Set(own.servers.map(({ id }) => id));
  const isDetail = /\/detail\/*$/.test(request.path.replace(/\?.*/s, ''));
  const isMigrating = (text: string) => !isDetail || text.includes('"status": "MIGRATING"');
  const chosen = all.servers.filter(({ id, text }) => owned.has(id) || (migrating.has(id) && isMigrating(text)));
  if (chosen.length === owned.size) return answer;
  // A page of Nova's that is full tells the limit that counted.
  const limit = own.full ? own.servers.length : wide.limit;
  const listed = limit === null ? chosen : chosen.slice(0, limit);
  const last = limit !== null && listed.length === limit ? listed.at(-1) : undefined;
  const next = last && linkAfter(last, request.path, isDetail);
  const links = next === undefined ? '' : `, "servers_links": [{"rel": "next", "href": ${JSON.stringify(next)}}]`;
  return withText(answer, `{"servers": [${listed.map(({ text }) => text).join(', ')}]${links}}`);
}

function pageOf({ status, body }: UpstreamAnswer): Page | null {
  if (status !== 200 || !isJson(body)) return null;
  const text = body.toString('latin1');
  const servers = objectsOf(text, 'servers').map(({ from, to, members }) => {
    const id = members.get('id');
    return { id: id ? text.slice(id.from + 1, id.to - 1) : '', text: text.slice(from, to) };
  });
  return { servers, full: text.includes('"servers_links": ') };
}

/** Nova's link to the next page begins as the links of its servers do. */
function linkAfter({ id, text }: { id: string; text: string }, path: string, isDetail: boolean): string | undefined {
  const base = /"(https?:\/\/[^"?]+?)\/servers\//.exec(text)?.[1];
  return base && nextLink(base, parametersOf(path), id, isDetail ? 'servers/detail' : 'servers');
}
