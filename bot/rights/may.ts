import type { Priority } from 'drover-plugin/contract';
import { globMatches } from '../targets/glob.ts';
import type { Grant, Rights } from './schema.ts';

/** Somebody in Slack. */
export interface Person {
  user: string;
  /** The user groups that they are in. */
  groups: readonly string[];
}

/** A server and where it would go, as far as that is known. */
export interface Move {
  vm: string;
  projectId: string;
  source: string | null;
  /** Null: Nova chooses. */
  destination: string | null;
}

/** What somebody wants to do. A null priority is the policy's own choice, which is nobody's asking. */
export type Deed =
  | { act: 'look' }
  | { act: 'ask'; priority: Priority | null; moves: readonly Move[] }
  | { act: 'drain'; host: string; priority: Priority | null; moves: readonly Move[] }
  /** `askedBy`: the asker of what is to be cancelled, changed or approved. */
  | { act: 'cancel'; askedBy: string; priority: Priority | null; moves: readonly Move[] }
  | { act: 'raise'; askedBy: string; priority: Priority; moves: readonly Move[] }
  | { act: 'approve'; askedBy: string; priority: Priority | null; moves: readonly Move[]; drains: string | null };

export type Verdict =
  | { allowed: true }
  /** `who` could: ids of Slack users and groups, `everyone` where all members may. */
  | { allowed: false; text: string; who: { users: string[]; groups: string[]; everyone: boolean } };

/**
 * Whether somebody may do something. Default is no. Of each server one entry must allow all: priority, project and both
 * hosts. Their own asks everybody may cancel who may still look.
 *
 * | entry                                        | asks                  | may |
 * |----------------------------------------------|-----------------------|-----|
 * | priorities [low], projects [p1]              | low, server of p1     | yes |
 * |                                              | high, server of p1    | no  |
 * | and priorities [high], projects [p2]         | high, server of p1    | no: no ENTRY allows high in p1 |
 * | priorities [], everyone                      | status, plan, explain | yes |
 */
export function may(rights: Rights, person: Person, deed: Deed): Verdict {
  if (deed.act === 'approve' && deed.askedBy === person.user) {
    return refused(rights, deed, firstMove(deed), 'nobody approves what they asked for themselves', person.user);
  }
  const own = rights.filter((grant) => isFor(grant, person));
  if (deed.act === 'look' || (deed.act === 'cancel' && deed.askedBy === person.user)) {
    if (own.length > 0) return { allowed: true };
    return refused(rights, { act: 'look' }, null, "no entry of the bot's rights names you or a group of yours");
  }
  const missing = deed.moves.find((move) => !own.some((grant) => covers(grant, person.user, deed, move)));
  // What moves nothing (all has ended, an empty host) still takes the right.
  if (missing || (deed.moves.length === 0 && !own.some((grant) => covers(grant, person.user, deed, null)))) {
    const move = missing ?? null;
    return refused(rights, deed, move, textOf(deed, move), deed.act === 'approve' ? deed.askedBy : null);
  }
  return { allowed: true };
}

function isFor({ users, groups, everyone }: Grant, person: Person): boolean {
  return everyone || users.includes(person.user) || groups.some((group) => person.groups.includes(group));
}

function covers(grant: Grant, user: string, deed: Exclude<Deed, { act: 'look' }>, move: Move | null): boolean {
  const { priority } = deed;
  const allowsPriority = priority === null ? grant.priorities.length > 0 : grant.priorities.includes(priority);
  const allowsDrain = (host: string) => grant.drain && matches(grant.hosts, host);
  const isOthers = (deed.act === 'cancel' || deed.act === 'raise') && deed.askedBy !== user;
  return (
    allowsPriority &&
    (!isOthers || grant.others) &&
    (deed.act !== 'approve' || grant.approve) &&
    (deed.act !== 'drain' || allowsDrain(deed.host)) &&
    (deed.act !== 'approve' || deed.drains === null || allowsDrain(deed.drains)) &&
    (move === null || (matches(grant.projects, move.projectId) && allowsHosts(grant, move)))
  );
}

function allowsHosts({ hosts }: Grant, { source, destination }: Move): boolean {
  // Where a server is that has no host, nobody can say: only who may move between all hosts may move it.
  return matches(hosts, source ?? '') && (destination === null || matches(hosts, destination));
}

function matches(globs: readonly string[], text: string): boolean {
  return globs.some((glob) => globMatches(glob, text));
}

function firstMove(deed: Deed): Move | null {
  return deed.act === 'look' ? null : (deed.moves[0] ?? null);
}

function refused(rights: Rights, deed: Deed, move: Move | null, text: string, except: string | null = null): Verdict {
  // Nobody in particular: an entry's own people are asked, so what is asked of others counts.
  const able = rights.filter((grant) => deed.act === 'look' || covers(grant, '', deed, move));
  const users = [...new Set(able.flatMap((grant) => grant.users))].filter((user) => user !== except);
  const groups = [...new Set(able.flatMap((grant) => grant.groups))];
  return { allowed: false, text, who: { users, groups, everyone: able.some(({ everyone }) => everyone) } };
}

function textOf(deed: Exclude<Deed, { act: 'look' }>, move: Move | null): string {
  const priority = deed.priority ?? 'any priority';
  const where = move
    ? ` for ${move.vm} (project ${move.projectId}, on ${move.source ?? 'no host'}${move.destination ? `, to ${move.destination}` : ''})`
    : '';
  switch (deed.act) {
    case 'ask':
      return `you may not ask for ${priority}${where}`;
    case 'drain':
      return `you may not drain ${deed.host} with ${priority}${where}`;
    case 'cancel':
      return `you may not cancel what others asked for${where}`;
    case 'raise':
      return `you may not give it priority ${priority}${where}`;
    case 'approve':
      return `you may not approve ${priority}${where}`;
  }
}
