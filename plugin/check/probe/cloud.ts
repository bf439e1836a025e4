import { OpenStackClient, OpenStackError } from 'openstack-client-ts';
import type { Config } from '../../config.ts';
import { describeError } from '../../errors.ts';
import type { ServiceClock } from '../judge/clock.ts';
import type { CloudFacts, TriedCall } from '../judge/cloud.ts';
import type { PlacementFacts } from '../judge/placement.ts';
import { probePlacement } from './placement.ts';

const TIMEOUT_MS = 10_000;

export interface Probed {
  facts: CloudFacts;
  /** Null: Nova refused. */
  computeHosts: string[] | null;
  /** Null: there was no token to ask with. */
  placement: PlacementFacts | null;
}

/** Asks Keystone, Nova and Placement what Drover would ask them; changes nothing. */
export async function probeCloud(config: Config, password: string): Promise<Probed> {
  const { keystone, nova, placement } = config;
  const client = new OpenStackClient({
    authUrl: keystone.authUrl,
    username: keystone.username,
    password,
    userDomainId: keystone.userDomainId,
    projectName: keystone.projectName,
    projectDomainId: keystone.projectDomainId,
    ...(keystone.region === undefined ? {} : { region: keystone.region }),
    computeEndpoint: nova.url,
    ...(placement === undefined ? {} : { placementEndpoint: placement.url }),
    timeoutMs: TIMEOUT_MS,
  });
  const facts: CloudFacts = {
    authUrl: keystone.authUrl,
    novaUrl: nova.url,
    loginError: null,
    roles: [],
    publicComputeUrls: [],
    versions: null,
    versionsError: null,
    calls: [],
  };
  try {
    Object.assign(facts, await client.account());
  } catch (error) {
    facts.loginError = describeError(error);
    // Nova tells its versions to anybody.
    const versionsError = await reachError(nova.url);
    return {
      facts: { ...facts, versionsError: versionsError ?? 'not asked without a token' },
      computeHosts: null,
      placement: null,
    };
  }
  facts.versions = await client.versions().catch((error: unknown) => {
    facts.versionsError = describeError(error);
    return null;
  });
  if (facts.versions === null) return { facts, computeHosts: null, placement: null };
  let computeHosts: string[] | null = null;
  const since = { changesSinceMs: Date.now() };
  facts.calls = await Promise.all([
    tried('nova.services', 'compute services are listed', async () => {
      computeHosts = (await client.computeServices()).map(({ host }) => host);
    }),
    tried('nova.servers', 'servers of all projects are listed', () => client.listServers({ name: 'drover-check' })),
    tried('nova.migrations', 'migrations are listed', () => client.listMigrations(since)),
    tried('keystone.tokens', "callers' tokens are checked", () => client.validateToken('drover-check')),
  ]);
  return { facts, computeHosts, placement: await probePlacement(client) };
}

async function tried(check: string, what: string, call: () => Promise<unknown>): Promise<TriedCall> {
  try {
    await call();
    return { check, what, refused: null };
  } catch (error) {
    const forbidden = error instanceof OpenStackError && (error.code === 'forbidden' || error.code === 'unauthorized');
    return { check, what, refused: { forbidden, text: describeError(error) } };
  }
}

async function reachError(url: string): Promise<string | null> {
  try {
    await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'manual' });
    return null;
  } catch (error) {
    return `${url}: ${describeError(error)}`;
  }
}

/** Null where it does not answer, or without a Date. */
export async function probeClock(service: string, url: string): Promise<ServiceClock | null> {
  const askedAtMs = Date.now();
  const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'manual' }).catch(() => null);
  const dateMs = Date.parse(answer?.headers.get('date') ?? '');
  return Number.isNaN(dateMs) ? null : { service, askedAtMs, answeredAtMs: Date.now(), dateMs };
}
