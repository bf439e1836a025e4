import type { People } from '../people.ts';
import { approversOf, type Deed, may, type Subject } from '../rights/may.ts';
import type { Rights } from '../rights/schema.ts';
import { namedOf } from '../rights/who.ts';
import type { Approval } from './ask.ts';
import type { Rules } from './foresee.ts';

/** Why somebody may not, and who could; null: they may. @throws SlackError where nobody can say who is in a group */
export async function refusalOf(
  rights: Rights,
  people: People,
  user: string,
  deed: Deed,
  subject: Subject = 'you',
): Promise<string | null> {
  const verdict = may(rights, await people.person(user), deed, subject);
  if (verdict.allowed) return null;
  return verdict.who === null ? verdict.text : `${verdict.text}; ${await people.whoText(verdict.who)}`;
}

/** Who may say yes to it: in words, and as ids where they are to be mentioned. */
export async function approversFor(
  { rights, approval }: Rules,
  people: People,
  deed: Extract<Deed, { act: 'approve' }>,
): Promise<Pick<Approval, 'who' | 'mentions'>> {
  const who = approversOf(rights, deed);
  const { users, groups } = namedOf(who);
  return { who: await people.whoText(who), ...(approval.mention ? { mentions: [...groups, ...users] } : {}) };
}
