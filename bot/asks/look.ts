import type { ServerView } from 'drover-plugin/contract';
import type { Request } from '../command/command.ts';
import type { DroverClient } from '../drover/client.ts';
import type { Deed, Move } from '../rights/may.ts';
import { drainOf } from '../targets/drain.ts';
import { nearestToGlob } from '../targets/nearest.ts';
import { isResolved, MOST_SERVERS, resolveTargets, type Unknown } from '../targets/resolve.ts';
import type { Ask, Choice } from './ask.ts';

/** What a wish comes to, as the control API says now. */
export type Meant =
  /** `note`: what is left out, and why; null: nothing. */
  | { kind: 'servers'; servers: ServerView[]; note: string | null }
  | { kind: 'ambiguous'; choices: Choice[] }
  /**
   * Texts for people, of what is wrong; nothing in them is escaped. `nearest`: what may have been meant instead;
   * `unknown`: what no server is called.
   */
  | { kind: 'wrong'; texts: string[]; nearest?: Choice[]; unknown?: string[] };

/** Which servers are meant. @throws ControlError */
export async function lookFor(wish: Request, drover: DroverClient): Promise<Meant> {
  if (wish.kind === 'drain') {
    const [there, hosts] = await Promise.all([drover.servers({ host: wish.host }), drover.hosts()]);
    const { unknown, servers, staying } = drainOf(
      wish.host,
      there,
      hosts.map(({ host }) => host),
    );
    if (unknown) return { kind: 'wrong', texts: [nobody('compute host', unknown)] };
    const note =
      staying.length === 0 ? null : staying.map(({ server, why }) => `${server.name} stays: ${why}`).join('\n');
    if (servers.length === 0) return { kind: 'wrong', texts: [note ?? `there is no server on ${wish.host}`] };
    if (servers.length > MOST_SERVERS) return { kind: 'wrong', texts: [tooMany(servers.length, MOST_SERVERS)] };
    return { kind: 'servers', servers, note };
  }
  const all = await candidates(wish, drover);
  const found = resolveTargets(wish.targets, all);
  if (isResolved(found)) return leaving(found.servers, wish.destination);
  const texts = [
    ...found.unknown.map((unknown) => nobody('server', unknown)),
    ...found.empty.map((pattern) => nobodyLike(pattern, all)),
    ...(found.tooMany ? [tooMany(found.tooMany.count, found.tooMany.most)] : []),
  ];
  if (texts.length > 0) {
    const nearest = found.unknown.flatMap((one) => nearestOf(one, all));
    return { kind: 'wrong', texts, nearest, unknown: found.unknown.map(({ written }) => written) };
  }
  const choices = found.ambiguous.map(({ written, choices: servers }) => ({ pattern: written, servers }));
  return { kind: 'ambiguous', choices };
}

/** What is at its destination stays, and the others go. */
function leaving(servers: readonly ServerView[], destination: string | null): Meant {
  const [there, away] = [
    servers.filter(({ host }) => host === destination),
    servers.filter(({ host }) => host !== destination),
  ];
  if (destination === null || there.length === 0) return { kind: 'servers', servers: [...servers], note: null };
  const texts = there.map(({ name }) => `${name} is on ${destination} already`);
  return away.length === 0 ? { kind: 'wrong', texts } : { kind: 'servers', servers: away, note: texts.join('\n') };
}

/** What is wrong with a name that should be one server's, in texts for people; null: nothing. @throws ControlError */
export async function wrongWith(name: string, drover: DroverClient): Promise<string[] | null> {
  const wish = { priority: null, destination: null, deadlineAtMs: null, startAtMs: null };
  const meant = await lookFor({ kind: 'migrate', targets: [{ pattern: name, isGlob: false }], ...wish }, drover);
  if (meant.kind === 'servers') return null;
  return meant.kind === 'wrong' ? meant.texts : ambiguousTexts(meant.choices);
}

/** Where nothing can be clicked: each id with its host. */
export function ambiguousTexts(choices: readonly Choice[]): string[] {
  return choices.map(({ pattern, servers }) => {
    const which = servers.map(({ id, host }) => `${id} (on ${host ?? 'no host'})`).join(', ');
    return `${servers.length} servers are called ${pattern}, name one by its id: ${which}`;
  });
}

/** The servers that have the nearest names, or the ids that begin so. */
function nearestOf({ written, nearest }: Unknown, all: readonly ServerView[]): Choice[] {
  const servers = nearest.flatMap((name) => all.filter((server) => server.name === name || server.id === name));
  return servers.length === 0 ? [] : [{ pattern: written, servers: servers.slice(0, MOST_NEAREST) }];
}

/** More servers than one answer holds: those of each pattern are asked for by themselves as well. */
const ONE_ANSWER = 1000;
const MOST_NEAREST = 5;

async function candidates(wish: Extract<Request, { kind: 'migrate' }>, drover: DroverClient): Promise<ServerView[]> {
  const all = await drover.servers();
  if (all.length < ONE_ANSWER) return all;
  const named = await Promise.all(wish.targets.map(({ pattern }) => drover.servers({ name: pattern })));
  return [...new Map([...all, ...named.flat()].map((server) => [server.id, server])).values()];
}

function nobody(what: string, { written, nearest }: { written: string; nearest: readonly string[] }): string {
  const hint = nearest.length === 0 ? '' : `; did you mean ${nearest.join(', ')}?`;
  return `there is no ${what} ${written}${hint}`;
}

function nobodyLike(pattern: string, all: readonly ServerView[]): string {
  const names = nearestToGlob(
    pattern,
    all.map(({ name }) => name),
  );
  return `no server is called ${pattern}${names.length === 0 ? '' : `; there are ${names.join(', ')}`}`;
}

function tooMany(count: number, most: number): string {
  return `that is ${count} servers, and one request takes at most ${most}: ask for fewer at once`;
}

export function movesOf(
  vms: readonly { name: string; projectId: string; host: string | null }[],
  wish: Request,
): Move[] {
  return vms.map(({ name, projectId, host }) => ({
    vm: name,
    projectId,
    source: host,
    destination: wish.destination,
  }));
}

/** What asking for it takes the right to. */
export function deedOf(wish: Request, moves: readonly Move[]): Deed {
  const { priority } = wish;
  return wish.kind === 'drain' ? { act: 'drain', host: wish.host, priority, moves } : { act: 'ask', priority, moves };
}

/** What saying yes to it takes the right to. */
export function approvingOf(
  { wish, askedBy }: Pick<Ask, 'wish' | 'askedBy'>,
  moves: readonly Move[],
): Extract<Deed, { act: 'approve' }> {
  const drains = wish.kind === 'drain' ? wish.host : null;
  return { act: 'approve', askedBy, priority: wish.priority, moves, drains };
}
