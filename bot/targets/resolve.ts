import type { ServerView } from 'drover-plugin/contract';
import { globMatches } from 'drover-plugin/policy/glob';
import type { Target } from '../command/command.ts';
import { nearestNames } from './nearest.ts';

/** More servers at once than one message can still show one by one. */
export const MOST_SERVERS = 500;

/** A name that several servers have. */
export interface Ambiguous {
  written: string;
  choices: ServerView[];
}

/** A name that no server has. */
export interface Unknown {
  written: string;
  /** Names of servers, or ids where what was written begins one. */
  nearest: string[];
}

export interface Resolution {
  /** In the order they were asked for, each once. */
  servers: ServerView[];
  ambiguous: Ambiguous[];
  unknown: Unknown[];
  /** Globs that no name matches. */
  empty: string[];
  /** What was asked for comes to more than one ask may have; null: it does not. */
  tooMany: { count: number; most: number } | null;
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/;
const BEGINNING_OF_ID = /^[0-9a-f]{4}[0-9a-f-]*$/;

/**
 * Which servers are meant. A name counts as it is written, case too; an id in any case, with or without dashes. A
 * beginning of an id is no name of a server: one letter too few would move another one, so those ids are only offered.
 *
 * | written                | servers                                 | gives                                    |
 * |------------------------|-----------------------------------------|------------------------------------------|
 * | `web-1`                | one of that name                        | it                                       |
 * | `web-1`                | two of that name                        | ambiguous: choose by project, host and id |
 * | an id                  | that one, and one that is NAMED so      | ambiguous                                |
 * | `WEB-1`                | `web-1`                                 | unknown, nearest `web-1`                 |
 * | `db-*`                 | `db-1`, `db-2` (two of that name)       | all three                                |
 * | `db-1` and `db-*`      |                                         | `db-1` once                              |
 */
export function resolveTargets(
  targets: readonly Target[],
  servers: readonly ServerView[],
  most = MOST_SERVERS,
): Resolution {
  const found = new Map<string, ServerView>();
  const resolution: Resolution = { servers: [], ambiguous: [], unknown: [], empty: [], tooMany: null };
  for (const { pattern, isGlob } of targets) {
    const matching = servers.filter((server) =>
      isGlob ? globMatches(pattern, server.name) : server.name === pattern || isIdOf(pattern, server),
    );
    const [first, ...others] = matching;
    if (!first) {
      if (isGlob) resolution.empty.push(pattern);
      else resolution.unknown.push({ written: pattern, nearest: nearestTo(pattern, servers) });
    } else if (others.length > 0 && !isGlob) resolution.ambiguous.push({ written: pattern, choices: matching });
    else for (const server of matching) found.set(server.id, server);
  }
  // Who asked for one by its id as well has chosen.
  resolution.ambiguous = resolution.ambiguous.filter(({ choices }) => !choices.some(({ id }) => found.has(id)));
  if (found.size > most) resolution.tooMany = { count: found.size, most };
  resolution.servers = [...found.values()];
  return resolution;
}

/** All that was named is one server each, and there is at least one. */
export function isResolved({ servers, ambiguous, unknown, empty, tooMany }: Resolution): boolean {
  return servers.length > 0 && ambiguous.length + unknown.length + empty.length === 0 && tooMany === null;
}

function isIdOf(written: string, { id }: ServerView): boolean {
  const lower = written.toLowerCase();
  return UUID.test(lower) && lower.replaceAll('-', '') === id.toLowerCase().replaceAll('-', '');
}

function nearestTo(written: string, servers: readonly ServerView[]): string[] {
  const lower = written.toLowerCase();
  const byId = BEGINNING_OF_ID.test(lower) ? servers.filter(({ id }) => id.toLowerCase().startsWith(lower)) : [];
  const byName = nearestNames(
    written,
    servers.map(({ name }) => name),
  );
  return [...byId.map(({ id }) => id), ...byName].slice(0, 5);
}
