import { type Finding, fail, ok, warn } from 'drover-hostd/check/finding';

/** One call that Drover makes of Nova or Keystone with its own account; null: it was answered. */
export interface TriedCall {
  /** Stays the same: `nova.services`. */
  check: string;
  what: string;
  refused: { forbidden: boolean; text: string } | null;
}

export interface CloudFacts {
  authUrl: string;
  novaUrl: string;
  /** Why no token was given. */
  loginError: string | null;
  roles: string[];
  publicComputeUrls: string[];
  versions: { min: string; max: string } | null;
  versionsError: string | null;
  calls: TriedCall[];
}

/** The first with what the plugin reads of servers and migrations: embedded flavor, migration uuid, user, project. */
export const NEEDED_MICROVERSION = '2.80';

/** @param listenPort where Drover itself is reached. */
export function judgeCloud(facts: CloudFacts, liveMigrateRoles: readonly string[], listenPort: number): Finding[] {
  const login =
    facts.loginError === null
      ? ok('keystone.login', `${facts.authUrl}, roles ${facts.roles.join(', ') || 'none'}`)
      : fail(
          'keystone.login',
          facts.loginError,
          'Mend keystone.authUrl, username, passwordFile, projectName or the domains; `openstack token issue` tries them.',
        );
  const findings = [login, judgeVersions(facts)];
  if (facts.loginError !== null) return findings;
  return [
    ...findings,
    judgeRole(facts.roles, liveMigrateRoles),
    ...facts.calls.map((call) => judgeCall(call)),
    judgeCatalogue(facts, listenPort),
  ];
}

function judgeVersions({ novaUrl, versions, versionsError }: CloudFacts): Finding {
  if (versions === null) {
    const why = versionsError ?? 'no answer';
    return fail(
      'nova.api',
      why,
      'Set nova.url to where nova-api itself listens, not to Drover or to a proxy before it.',
    );
  }
  if (minor(versions.max) < minor(NEEDED_MICROVERSION)) {
    return fail(
      'nova.api',
      `${novaUrl} speaks microversions up to ${versions.max}`,
      `Drover needs ${NEEDED_MICROVERSION} (OpenStack Train) at least.`,
    );
  }
  return ok('nova.api', `${novaUrl}, microversions ${versions.min} to ${versions.max}`);
}

function minor(version: string): number {
  return Number(version.split('.')[1]);
}

/** Nova's own rule for os-migrateLive cannot be asked without a server to migrate: the role is what it goes by. */
function judgeRole(roles: readonly string[], liveMigrateRoles: readonly string[]): Finding {
  const [has] = liveMigrateRoles.filter((role) => roles.includes(role));
  if (has !== undefined) return ok('keystone.role', `${has}, which may live migrate`);
  return fail(
    'keystone.role',
    `the account has none of the roles ${liveMigrateRoles.join(', ')}: what waited could not be submitted`,
    `openstack role add --user USER --project PROJECT ${liveMigrateRoles[0] ?? 'admin'}`,
  );
}

function judgeCall({ check, what, refused }: TriedCall): Finding {
  if (refused === null) return ok(check, what);
  const todo = refused.forbidden
    ? "Give Drover's account a role that Nova's policy.yaml allows this for (by default admin)."
    : 'See the log of that service.';
  return fail(check, `${what}: ${refused.text}`, todo);
}

/** How clients come to Drover, told by the port alone: an address may have many names. */
function judgeCatalogue({ publicComputeUrls }: CloudFacts, listenPort: number): Finding {
  const [first] = publicComputeUrls;
  if (first === undefined) {
    return warn('keystone.catalogue', 'no public compute endpoint', 'Clients find none: openstack endpoint list.');
  }
  const here = publicComputeUrls.some((url) => portOf(url) === listenPort);
  return here
    ? ok('keystone.catalogue', `${first}: clients come to Drover's port`)
    : ok('keystone.catalogue', `${first}: not Drover's port ${listenPort}, so a proxy there must send to Drover`);
}

function portOf(url: string): number {
  const { protocol, port } = new URL(url);
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}
