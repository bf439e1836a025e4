import type { People } from '../people.ts';
import { approversOf, type Deed, may, type Subject } from '../rights/may.ts';
import type { Rights } from '../rights/schema.ts';

/** Why somebody may not, and who could; null: they may. @throws SlackError where nobody can say who is in a group */
export async function refusalOf(
  rights: Rights,
  people: People,
  user: string,
  deed: Deed,
  subject: Subject = 'you',
): Promise<string | null> {
  const verdict = may(rights, await people.person(user), deed, subject);
  return verdict.allowed ? null : `${verdict.text}; ${await people.whoText(verdict.who)}`;
}

/** Who may say yes to it, for those who wait for it. */
export function approversText(
  rights: Rights,
  people: People,
  deed: Extract<Deed, { act: 'approve' }>,
): Promise<string> {
  return people.whoText(approversOf(rights, deed));
}
