import { type CallOptions, DEFAULT_TIMEOUT_MS, identityUrl, type OpenStackConfig } from './config.ts';
import { OpenStackError } from './errors.ts';
import { exchange, parseBody, requireSuccess } from './http.ts';
import { TokenAnswer } from './schema.ts';

/** A token is renewed this long before it ends (or at half its life), so that none ends while a call is on its way. */
const RENEW_BEFORE_MS = 120_000;

export interface TokenInfo {
  userId: string;
  userName: string;
  /** Null for a token without a project (domain, system, unscoped). */
  projectId: string | null;
  /** Role names. */
  roles: string[];
  expiresAtMs: number;
}

export interface OwnToken {
  id: string;
  userId: string;
  /** Role names. */
  roles: string[];
  renewAtMs: number;
  catalogue: TokenAnswer['token']['catalog'];
}

/** Keystone v3: the client's own token, kept and renewed, and the checking of other people's. */
export class Identity {
  readonly #config: OpenStackConfig;
  #token: OwnToken | null = null;
  #login: Promise<OwnToken> | null = null;

  constructor(config: OpenStackConfig) {
    this.#config = config;
  }

  /** The client's own token. Callers that come together share one login. */
  async ownToken(): Promise<OwnToken> {
    if (this.#token && this.#token.renewAtMs > Date.now()) return this.#token;
    this.#login ??= this.#logIn().finally(() => {
      this.#login = null;
    });
    return this.#login;
  }

  /** Drops a token that a service refused, unless it was replaced already. */
  forget(tokenId: string): void {
    if (this.#token?.id === tokenId) this.#token = null;
  }

  /**
   * Who holds this token and what for, as Keystone says now; null if it is not valid.
   *
   * @throws OpenStackError if Keystone cannot be asked
   */
  async validateToken(token: string, options: CallOptions = {}): Promise<TokenInfo | null> {
    for (let attempt = 1; ; attempt += 1) {
      const own = options.as ?? (await this.ownToken()).id;
      const answer = await exchange({
        method: 'GET',
        url: `${identityUrl(this.#config.authUrl)}/auth/tokens?nocatalog=1`,
        headers: { 'x-auth-token': own, 'x-subject-token': token },
        timeoutMs: options.timeoutMs ?? this.#timeoutMs(),
        signal: options.signal,
      });
      if (answer.status === 404) return null;
      if (answer.status === 401 && options.as === undefined && attempt === 1) {
        this.forget(own);
        continue;
      }
      const { token: seen } = parseBody(requireSuccess(answer), TokenAnswer);
      return {
        userId: seen.user.id,
        userName: seen.user.name,
        projectId: seen.project?.id ?? null,
        roles: seen.roles.map((role) => role.name),
        expiresAtMs: seen.expires_at,
      };
    }
  }

  /**
   * The URL of a service in a token's catalogue.
   *
   * @throws OpenStackError `catalogue-incomplete`
   */
  endpoint({ catalogue }: OwnToken, type: string): string {
    const wanted = this.#config.interface ?? 'public';
    const { region } = this.#config;
    const found = catalogue
      .filter((service) => service.type === type)
      .flatMap((service) => service.endpoints)
      .find((one) => one.interface === wanted && (region === undefined || one.region_id === region));
    if (found) return found.url;
    const where = region === undefined ? '' : ` in region ${region}`;
    throw new OpenStackError(
      'catalogue-incomplete',
      `the catalogue has no ${wanted} endpoint of ${type}${where}: see \`openstack catalog show ${type}\``,
    );
  }

  async #logIn(): Promise<OwnToken> {
    const config = this.#config;
    const answer = await exchange({
      method: 'POST',
      url: `${identityUrl(config.authUrl)}/auth/tokens`,
      headers: { 'content-type': 'application/json' },
      body: {
        auth: {
          identity: {
            methods: ['password'],
            password: {
              user: {
                name: config.username,
                password: config.password,
                domain: domain(config.userDomainId, config.userDomainName),
              },
            },
          },
          scope: {
            project: { name: config.projectName, domain: domain(config.projectDomainId, config.projectDomainName) },
          },
        },
      },
      timeoutMs: this.#timeoutMs(),
    });
    const id = requireSuccess(answer).headers['x-subject-token'];
    if (!id) throw new OpenStackError('answer-invalid', `${answer.call}: no X-Subject-Token in the answer`);
    const { token } = parseBody(answer, TokenAnswer);
    const halfLifeMs = (token.expires_at - Date.now()) / 2;
    const renewAtMs = token.expires_at - Math.min(RENEW_BEFORE_MS, halfLifeMs);
    const roles = token.roles.map(({ name }) => name);
    this.#token = { id, userId: token.user.id, roles, renewAtMs, catalogue: token.catalog };
    return this.#token;
  }

  #timeoutMs(): number {
    return this.#config.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }
}

function domain(id: string | undefined, name: string | undefined): { id: string } | { name: string } {
  if (id === undefined && name !== undefined) return { name };
  return { id: id ?? 'default' };
}
