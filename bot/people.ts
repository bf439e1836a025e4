import type { Logger } from 'pino';
import type { SlackApi } from './channel/slack.ts';
import { describeError, SlackError } from './errors.ts';
import type { Person } from './rights/may.ts';

/**
 * A group's members are asked for again after so long: who has left it may still click for this time. Slack takes 20 such
 * calls a minute, so with more than seven groups it is longer.
 */
const MEMBERS_MS = 30_000;
const EACH_GROUP_MS = 4000;
/** While Slack does not answer, the last known members count for so long; then it is waited for. */
const STALE_MS = 5 * 60_000;
const TIME_ZONE_MS = 3600_000;
const FALLBACK_ZONE = 'UTC';

interface Kept<T> {
  value: T;
  atMs: number;
}

/** Who people are, by Slack: which of the configured user groups they are in, and by which clock they write. */
export class People {
  readonly #slack: SlackApi;
  readonly #groups: readonly string[];
  readonly #log: Logger;
  readonly #membersMs: number;
  readonly #members = new Map<string, Kept<string[]>>();
  readonly #zones = new Map<string, Kept<string>>();

  constructor(slack: SlackApi, groups: Iterable<string>, log: Logger, membersMs?: number) {
    this.#slack = slack;
    this.#groups = [...new Set(groups)];
    this.#membersMs = membersMs ?? Math.max(MEMBERS_MS, this.#groups.length * EACH_GROUP_MS);
    this.#log = log;
  }

  /** @throws SlackError where Slack does not say who is in the groups. */
  async person(user: string): Promise<Person> {
    const inThem = await Promise.all(
      this.#groups.map(async (group) => ((await this.#membersOf(group)).includes(user) ? [group] : [])),
    );
    return { user, groups: inThem.flat() };
  }

  /** IANA name; UTC where Slack does not say. */
  async timeZone(user: string): Promise<string> {
    const kept = this.#zones.get(user);
    if (kept && Date.now() - kept.atMs < TIME_ZONE_MS) return kept.value;
    try {
      const answer = await this.#slack.call('users.info', { user });
      const zone = (answer.user as { tz?: string } | undefined)?.tz ?? FALLBACK_ZONE;
      this.#zones.set(user, { value: zone, atMs: Date.now() });
      return zone;
    } catch (error) {
      this.#log.warn({ user, error: describeError(error) }, 'the time zone of a member is not known');
      return kept?.value ?? FALLBACK_ZONE;
    }
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
