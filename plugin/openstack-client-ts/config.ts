/** What an OpenStack rc file says, plus what Drover needs. */
export interface OpenStackConfig {
  /** Keystone, with or without `/v3`. */
  authUrl: string;
  username: string;
  password: string;
  /** The id wins over the name; neither means the domain `default`. */
  userDomainId?: string;
  userDomainName?: string;
  projectName: string;
  projectDomainId?: string;
  projectDomainName?: string;
  region?: string;
  /** Which endpoint of the catalogue; default `public`. */
  interface?: 'public' | 'internal' | 'admin';
  /** Nova's URL, instead of the catalogue's. `/v2.1` is appended where no version is named. */
  computeEndpoint?: string;
  /** Placement's URL, instead of the catalogue's. */
  placementEndpoint?: string;
  /** Longest time of one call; default 30,000. */
  timeoutMs?: number;
}

export interface CallOptions {
  /** Make the call with this token instead of the client's own. */
  as?: string;
  /** Compute API microversion, e.g. `2.93` or `latest`; default 2.80. */
  microversion?: string;
  signal?: AbortSignal;
  timeoutMs?: number;
  /**
   * Asked when the connection stands, right before the request is written: false ends it with `withheld`. With it, what
   * is still on this machine when the call is given up (`signal`, time) is not sent later either.
   */
  mayGo?: () => boolean;
}

export const DEFAULT_TIMEOUT_MS = 30_000;

/** `http://keystone:5000` and `http://keystone:5000/v3/` are the same service. */
export function identityUrl(authUrl: string): string {
  const trimmed = authUrl.replace(/\/+$/, '');
  return /\/v3$/.test(trimmed) ? trimmed : `${trimmed}/v3`;
}

/** Catalogues name `/v2.1`, `/v2.1/PROJECT`, or (where somebody left it out) no version at all. */
export function computeUrl(endpoint: string): string {
  const trimmed = endpoint.replace(/\/+$/, '');
  return /\/v2(\.1)?(\/[^/]+)?$/.test(trimmed) ? trimmed : `${trimmed}/v2.1`;
}
