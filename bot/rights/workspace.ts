/** Whose people count as the workspace's own. Pure. */

/** Where the app is installed, as `auth.test` says. */
export interface Installation {
  teamId: string;
  /** Of Enterprise Grid; null: the workspace stands alone. */
  enterpriseId: string | null;
}

/** What `users.info` says of where somebody belongs. */
export interface Belonging {
  teamId: string | null;
  enterpriseId: string | null;
  isStranger: boolean;
}

/**
 * The other workspace that somebody belongs to, in words; null: they are of the app's own, or of its organisation.
 * `is_stranger` alone does not tell: Slack leaves it out for people of other workspaces who share a channel with the app
 * (docs.slack.dev/reference/objects/user-object).
 *
 * | installed in   | member                        | is of               |
 * |----------------|-------------------------------|---------------------|
 * | T1             | team T1                       | this one            |
 * | T1             | team T2, not `is_stranger`    | another one (T2)    |
 * | T1, grid E1    | team T2, grid E1              | this one            |
 * | T1, grid E1    | team E1                       | this one            |
 * | T1             | nothing is said               | one that is not named |
 */
export function elsewhere(own: Installation, { teamId, enterpriseId, isStranger }: Belonging): string | null {
  const isOfGrid = own.enterpriseId !== null && [enterpriseId, teamId].includes(own.enterpriseId);
  if (isOfGrid || (teamId === own.teamId && !isStranger)) return null;
  return teamId === null || teamId === own.teamId ? UNNAMED : `another Slack workspace (${teamId})`;
}

/** Slack does not say which; who cannot be told from a stranger is one. */
export const UNNAMED = 'a Slack workspace that Slack does not name';
