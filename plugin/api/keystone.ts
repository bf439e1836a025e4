import { createHash } from 'node:crypto';
import type { Role } from '../contract.ts';
import { highestRole } from './roles.ts';

/** Whom Keystone takes a token for. */
export interface KeystoneUser {
  userId: string;
  userName: string;
  roles: string[];
  expiresAtMs: number;
}

export interface KeystonePrincipal {
  userId: string;
  name: string;
  role: Role;
}

/** A token that Keystone revokes goes on for so long here. */
const KEEP_MS = 60_000;
const MAX_KEPT = 1000;

/**
 * Keystone tokens as Keystone itself judges them, kept for at most a minute and never beyond their end. Tokens are kept
 * by their hash.
 */
export class KeystoneTokens {
  readonly #validate: (token: string) => Promise<KeystoneUser | null>;
  readonly #roles: Readonly<Record<string, Role>>;
  readonly #kept = new Map<string, { principal: KeystonePrincipal; untilMs: number }>();
  readonly #asked = new Map<string, Promise<KeystonePrincipal | null>>();

  /** @param roles Drover's role of each Keystone role; a user has the highest of theirs. */
  constructor(validate: (token: string) => Promise<KeystoneUser | null>, roles: Readonly<Record<string, Role>>) {
    this.#validate = validate;
    this.#roles = roles;
  }

  /** What is known without asking Keystone. */
  known(token: string, nowMs: number): KeystonePrincipal | null {
    const kept = this.#kept.get(keyOf(token));
    return kept && kept.untilMs > nowMs ? kept.principal : null;
  }

  /** Asks Keystone; those who come together with the same token share one question. @throws if Keystone does not answer. */
  ask(token: string, nowMs: number): Promise<KeystonePrincipal | null> {
    const key = keyOf(token);
    const asked = this.#asked.get(key) ?? this.#ask(token, key, nowMs).finally(() => this.#asked.delete(key));
    this.#asked.set(key, asked);
    return asked;
  }

  async #ask(token: string, key: string, nowMs: number): Promise<KeystonePrincipal | null> {
    this.#kept.delete(key);
    const user = await this.#validate(token);
    const role = user && this.#roleOf(user);
    if (!user || !role) return null;
    const principal = { userId: user.userId, name: user.userName, role };
    this.#kept.set(key, { principal, untilMs: Math.min(nowMs + KEEP_MS, user.expiresAtMs) });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return principal;
  }

  #roleOf({ roles }: KeystoneUser): Role | null {
    return highestRole(roles.flatMap((role) => (Object.hasOwn(this.#roles, role) ? (this.#roles[role] ?? []) : [])));
  }
}

function keyOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
