import type { Who } from './may.ts';

const MOST = 4;

/** Those who are named, groups first: of more than a few the others are only counted. */
export function namedOf({ users, groups }: Who): { users: string[]; groups: string[] } {
  const shown = groups.slice(0, MOST);
  return { groups: shown, users: users.slice(0, MOST - shown.length) };
}

/**
 * Who could do it instead, as the end of a sentence; `nameOf` gives what an id is called. Names, not mentions: nobody is
 * notified that somebody else may not do something. Nothing in it is escaped.
 *
 * | groups      | users   | everyone | says                                            |
 * |-------------|---------|----------|-------------------------------------------------|
 * | S1, S2      | U1      |          | `who may: @ops, @leads, Alice`                  |
 * | S1          | U1 … U9 |          | `who may: @ops, Alice, Bob, Carol and 6 others` |
 * |             |         | yes      | `every other member may`                        |
 * |             |         |          | `nobody may, by the bot's rights`               |
 */
export function whoText(who: Who, nameOf: (id: string) => string): string {
  if (who.everyone) return 'every other member may';
  const named = namedOf(who);
  const names = [...named.groups, ...named.users].map(nameOf);
  if (names.length === 0) return "nobody may, by the bot's rights";
  const others = who.groups.length + who.users.length - names.length;
  const more = others === 0 ? '' : ` and ${others} ${others === 1 ? 'other' : 'others'}`;
  return `who may: ${names.join(', ')}${more}`;
}
