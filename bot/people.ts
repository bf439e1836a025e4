import type { Logger } from 'pino';
import type { SlackApi } from './channel/slack.ts';
import { describeError, SlackError } from './errors.ts';
import type { Person, Who } from './rights/may.ts';
import { namedOf, whoText } from './rights/who.ts';
import { type Belonging, elsewhere, type Installation, UNNAMED } from './rights/workspace.ts';
import { clipped, oneName } from './views/inert.ts';

/**
 * A group's members are asked for again after so long: who has left it may still click for this time. Slack takes 20 such
 * calls a minute, so with more than seven groups it is longer.
 */
const MEMBERS_MS = 30_000;
const EACH_GROUP_MS = 4000;
/** While Slack does not answer, the last known members count for so long; then it is waited for. */
const STALE_MS = 5 * 60_000;
/** What changes seldom: names, time zones. */
const KEPT_MS = 3600_000;
/** Until Slack is asked again for what it did not say. */
const AGAIN_MS = 60_000;
const FALLBACK_ZONE = 'UTC';
const NAME_LENGTH = 40;

interface Kept<T> {
  value: T;
  atMs: number;
}

interface Member extends Belonging {
  name: string;
  timeZone: string;
}

/** Who people are, by Slack: of which workspace, in which of the configured user groups, by which clock they write, what they are called. */
export class People {
  readonly #slack: SlackApi;
  readonly #groups: readonly string[];
  readonly #log: Logger;
  readonly #membersMs: number;
  readonly #members = new Map<string, Kept<string[]>>();
  readonly #users = new Map<string, Kept<Member>>();
  #installation: Installation | null = null;
  #handles: Kept<ReadonlyMap<string, string>> = { value: new Map(), atMs: 0 };

  constructor(slack: SlackApi, groups: Iterable<string>, log: Logger, membersMs?: number) {
    this.#slack = slack;
    this.#groups = [...new Set(groups)];
    this.#membersMs = membersMs ?? Math.max(MEMBERS_MS, this.#groups.length * EACH_GROUP_MS);
    this.#log = log;
  }

  /** @throws SlackError where Slack does not say who is in the groups, or of which workspace somebody is. */
  async person(user: string): Promise<Person> {
    const [other, ...inThem] = await Promise.all([
      this.#elsewhere(user),
      ...this.#groups.map(async (group) => ((await this.#membersOf(group)).includes(user) ? [group] : [])),
    ]);
    return { user, groups: inThem.flat(), elsewhere: other };
  }

  /** IANA name; UTC where Slack does not say. */
  async timeZone(user: string): Promise<string> {
    return (await this.#member(user)).timeZone;
  }

  /** Who could do something, as the end of a sentence; ids where Slack does not say what they are called. */
  async whoText(who: Who): Promise<string> {
    if (who.everyone) return whoText(who, String);
    const { users, groups } = namedOf(who);
    const [handles, ...members] = await Promise.all([
      groups.length === 0 ? new Map<string, string>() : this.#groupHandles(),
      ...users.map(async (user) => [user, (await this.#member(user)).name] as const),
    ]);
    const names = new Map([...handles, ...members]);
    return whoText(who, (id) => clipped(oneName(names.get(id) ?? id), NAME_LENGTH));
  }

  async #member(user: string): Promise<Pick<Member, 'name' | 'timeZone'>> {
    try {
      return await this.#asked(user);
    } catch (error) {
      this.#log.warn({ user, error: describeError(error) }, 'name and time zone of a member are not known');
      return this.#users.get(user)?.value ?? { name: user, timeZone: FALLBACK_ZONE };
    }
  }

  async #elsewhere(user: string): Promise<string | null> {
    try {
      const [own, member] = await Promise.all([this.#home(), this.#asked(user)]);
      return elsewhere(own, member);
    } catch (error) {
      // Nobody changes workspace: what was known counts for as long as Slack is away.
      const known = this.#users.get(user)?.value;
      if (this.#installation && known) return elsewhere(this.#installation, known);
      // It knows no such user, or may not show them.
      if (error instanceof SlackError && error.fault.kind === 'refused') return UNNAMED;
      throw error;
    }
  }

  async #asked(user: string): Promise<Member> {
    const kept = this.#users.get(user);
    const nowMs = Date.now();
    if (kept && nowMs - kept.atMs < KEPT_MS) return kept.value;
    const value = memberOf(user, await this.#slack.call('users.info', { user }));
    this.#users.set(user, { value, atMs: nowMs });
    return value;
  }

  /** A token is one installation's for good. */
  async #home(): Promise<Installation> {
    if (this.#installation) return this.#installation;
    const { team_id: teamId, enterprise_id: enterpriseId } = await this.#slack.call('auth.test', {});
    this.#installation = { teamId: String(teamId), enterpriseId: enterpriseId ? String(enterpriseId) : null };
    return this.#installation;
  }

  /** `@handle` of each group of the workspace that Slack names. */
  async #groupHandles(): Promise<ReadonlyMap<string, string>> {
    const nowMs = Date.now();
    if (nowMs - this.#handles.atMs < KEPT_MS) return this.#handles.value;
    try {
      const { usergroups } = await this.#slack.call('usergroups.list', {});
      const groups = (usergroups ?? []) as { id?: string; handle?: string }[];
      const named = groups.flatMap(({ id, handle }) => (id && handle ? [[id, `@${handle}`] as const] : []));
      this.#handles = { value: new Map(named), atMs: nowMs };
    } catch (error) {
      this.#log.warn({ error: describeError(error) }, 'the names of user groups are not known');
      this.#handles = { value: this.#handles.value, atMs: nowMs - KEPT_MS + AGAIN_MS };
    }
    return this.#handles.value;
  }

  async #membersOf(group: string): Promise<string[]> {
    const kept = this.#members.get(group);
    const nowMs = Date.now();
    if (kept && nowMs - kept.atMs < this.#membersMs) return kept.value;
    try {
      const answer = await this.#slack.call('usergroups.users.list', { usergroup: group });
      const value = (answer.users as string[] | undefined) ?? [];
      this.#members.set(group, { value, atMs: nowMs });
      return value;
    } catch (error) {
      this.#log.warn({ group, error: describeError(error) }, 'the members of a user group are not known');
      // There is no such group.
      if (error instanceof SlackError && error.fault.kind === 'refused') return [];
      if (kept && nowMs - kept.atMs < STALE_MS) return kept.value;
      // Who is in it is not known, which is no reason to refuse them: it is tried again.
      throw error;
    }
  }
}

/** As its own client calls them: display name, else real name, else what they sign in with. */
function memberOf(id: string, { user }: Record<string, unknown>): Member {
  const { tz, name, real_name, profile, team_id, enterprise_user, is_stranger } = (user ?? {}) as {
    tz?: string;
    name?: string;
    real_name?: string;
    profile?: { display_name?: string };
    team_id?: string;
    enterprise_user?: { enterprise_id?: string };
    is_stranger?: boolean;
  };
  return {
    name: profile?.display_name || real_name || name || id,
    timeZone: tz || FALLBACK_ZONE,
    teamId: team_id || null,
    enterpriseId: enterprise_user?.enterprise_id || null,
    isStranger: is_stranger ?? false,
  };
}
