import type { IncomingMessage } from 'node:http';
import type { AuditEntry, Role } from '../contract.ts';
import { DroverError, describeError } from '../errors.ts';
import { FailedAttempts } from './attempts.ts';
import type { KeystoneTokens } from './keystone.ts';
import type { Tokens } from './tokens.ts';

/** Who calls. */
export interface Principal {
  name: string;
  role: Role;
  via: AuditEntry['via'];
  /** A Keystone user's own token: what they ask for is asked of Nova with their own rights too. */
  keystone: { token: string; userId: string } | null;
}

/** Whoever may open the control socket is root on this machine, or runs Drover. */
export const LOCAL: Principal = { name: 'local', role: 'admin', via: 'socket', keystone: null };

/** Over the network, at a call that takes no token. */
export const ANYONE: Principal = { name: 'anyone', role: 'read', via: 'none', keystone: null };

/** A longer one is no token: Keystone's Fernet tokens have some 200 characters, its JWS tokens some 1,500. */
const MAX_TOKEN_LENGTH = 8192;

export class Authenticator {
  refusedAttempts = 0;
  readonly #tokens: Tokens | null;
  readonly #keystone: KeystoneTokens | null;
  readonly #failed = new FailedAttempts();

  /** Null: that kind of token is not taken. */
  constructor(tokens: Tokens | null, keystone: KeystoneTokens | null) {
    this.#tokens = tokens;
    this.#keystone = keystone;
  }

  /**
   * Who sends this request over the network. A good token is always taken; of those that are no good an address may send
   * ten in a minute, and Keystone is not asked about more of them.
   *
   * @throws DroverError `unauthenticated`, `too-many-attempts`, `keystone-unreachable`.
   */
  async principal(request: IncomingMessage, address: string, nowMs = Date.now()): Promise<Principal> {
    const bearer = /^Bearer +([^ ]+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    const header = request.headers['x-auth-token'];
    const keystoneToken = typeof header === 'string' ? header : undefined;
    if (bearer !== undefined && bearer.length <= MAX_TOKEN_LENGTH) {
      const found = this.#tokens?.find(bearer, nowMs);
      if (found) return { ...found, via: 'token', keystone: null };
    }
    if (
      bearer === undefined &&
      keystoneToken !== undefined &&
      keystoneToken.length <= MAX_TOKEN_LENGTH &&
      this.#keystone
    ) {
      const known = this.#keystone.known(keystoneToken, nowMs);
      if (known) return keystonePrincipal(known, keystoneToken);
      this.#checkAttempts(address, nowMs);
      const asked = await this.#keystone.ask(keystoneToken, nowMs).catch((error: unknown) => {
        throw new DroverError(
          'keystone-unreachable',
          `Keystone cannot be asked whose token this is: ${describeError(error)}`,
        );
      });
      if (asked) return keystonePrincipal(asked, keystoneToken);
    }
    this.#checkAttempts(address, nowMs);
    this.#failed.add(address, nowMs);
    this.refusedAttempts += 1;
    throw new DroverError('unauthenticated', this.#advice(bearer ?? keystoneToken));
  }

  #checkAttempts(address: string, nowMs: number): void {
    const waitMs = this.#failed.waitMs(address, nowMs);
    if (waitMs === 0) return;
    this.refusedAttempts += 1;
    throw new DroverError('too-many-attempts', `too many attempts without a good token from ${address}`, {
      headers: { 'Retry-After': String(Math.ceil(waitMs / 1000)) },
    });
  }

  #advice(presented: string | undefined): string {
    const ways = [
      ...(this.#tokens ? ['"Authorization: Bearer TOKEN" with a token of `drover token create`'] : []),
      ...(this.#keystone
        ? ['"X-Auth-Token" with a Keystone token that has one of the roles of control.keystone.roles']
        : []),
    ];
    const wrong = presented === undefined ? 'there is no token' : 'the token is not valid here, or has ended';
    return `${wrong}: send ${ways.join(', or ')}`;
  }
}

function keystonePrincipal(found: { userId: string; name: string; role: Role }, token: string): Principal {
  return { name: found.name, role: found.role, via: 'keystone', keystone: { token, userId: found.userId } };
}
