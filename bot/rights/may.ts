import type { Priority } from 'drover-plugin/contract';
import { globMatches } from 'drover-plugin/policy/glob';
import type { Grant, Rights } from './schema.ts';

/** Somebody in Slack. */
export interface Person {
  user: string;
  /** The user groups that they are in. */
  groups: readonly string[];
  /** The workspace that they belong to, in words, where it is another than the app's (Slack Connect); null: they are of this one. */
  elsewhere: string | null;
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

/** Ids of Slack users and groups; `everyone`: all members, or all but the one who asks. */
export interface Who {
  users: string[];
  groups: string[];
  everyone: boolean;
}

export type Verdict =
  | { allowed: true }
  /** `who` could; null: not to be told to somebody of another workspace. */
  | { allowed: false; text: string; who: Who | null };

/** Who is told, or is told of. */
export type Subject = 'you' | 'they';

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
 *
 * Of another workspace (Slack Connect) only those may anything whom an entry names by their user id: its groups and its
 * `everyone` are this workspace's.
 */
export function may(rights: Rights, person: Person, deed: Deed, subject: Subject = 'you'): Verdict {
  if (deed.act === 'approve' && deed.askedBy === person.user) {
    return refused(rights, deed, firstMove(deed), 'nobody approves what they asked for themselves', person.user);
  }
  const own = rights.filter((grant) => isFor(grant, person));
  if (own.length === 0 && person.elsewhere !== null) {
    return { allowed: false, text: strangerText(person.elsewhere, subject), who: null };
  }
  if (deed.act === 'look' || (deed.act === 'cancel' && deed.askedBy === person.user)) {
    if (own.length > 0) return { allowed: true };
    return refused(rights, { act: 'look' }, null, "no entry of the bot's rights names you or a group of yours");
  }
  const missing = deed.moves.find((move) => !own.some((grant) => covers(grant, person.user, deed, move)));
  // What moves nothing (all has ended, an empty host) still takes the right.
  if (missing || (deed.moves.length === 0 && !own.some((grant) => covers(grant, person.user, deed, null)))) {
    const move = missing ?? null;
    return refused(rights, deed, move, textOf(deed, move, subject), deed.act === 'approve' ? deed.askedBy : null);
  }
  return { allowed: true };
}

/** Who may approve all of it: not the one who asked. */
export function approversOf(rights: Rights, deed: Extract<Deed, { act: 'approve' }>): Who {
  const { moves } = deed;
  const able = rights.filter((grant) =>
    moves.length === 0 ? covers(grant, '', deed, null) : moves.every((move) => covers(grant, '', deed, move)),
  );
  return whoseOf(able, deed.askedBy);
}

function isFor({ users, groups, everyone }: Grant, { user, groups: inThem, elsewhere }: Person): boolean {
  if (users.includes(user)) return true;
  return elsewhere === null && (everyone || groups.some((group) => inThem.includes(group)));
}

function strangerText(elsewhere: string, subject: Subject): string {
  const [belong, them] = subject === 'you' ? ['you belong', 'you'] : ['they belong', 'them'];
  return `${belong} to ${elsewhere}: of other workspaces only those may ask or click whom the bot's rights name by their user id, and they do not name ${them}`;
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
  return { allowed: false, text, who: whoseOf(able, except) };
}

function whoseOf(able: readonly Grant[], except: string | null): Who {
  const users = [...new Set(able.flatMap((grant) => grant.users))].filter((user) => user !== except);
  const groups = [...new Set(able.flatMap((grant) => grant.groups))];
  return { users, groups, everyone: able.some(({ everyone }) => everyone) };
}

function textOf(deed: Exclude<Deed, { act: 'look' }>, move: Move | null, subject: Subject): string {
  const priority = deed.priority ?? 'any priority';
  const where = move
    ? ` for ${move.vm} (project ${move.projectId}, on ${move.source ?? 'no host'}${move.destination ? `, to ${move.destination}` : ''})`
    : '';
  switch (deed.act) {
    case 'ask':
      return `${subject} may not ask for ${priority}${where}`;
    case 'drain':
      return `${subject} may not drain ${deed.host} with ${priority}${where}`;
    case 'cancel':
      return `${subject} may not cancel what others asked for${where.replace(' for ', ': ')}`;
    case 'raise':
      return `${subject} may not give it priority ${priority}${where}`;
    case 'approve':
      return `${subject} may not approve ${priority}${where}`;
  }
}
