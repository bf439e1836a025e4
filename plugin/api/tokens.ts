import { statSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Role } from '../contract.ts';
import { describeError } from '../errors.ts';
import { findToken, readTokens, type StoredToken } from './token-file.ts';

/**
 * The bearer tokens of a file, read again when it changes. A file that is no good leaves those before it in effect and is
 * told as a problem; one that is gone holds no tokens.
 */
export class Tokens {
  /** Why the tokens in effect are not those on disk, null if they are. */
  problem: string | null = null;
  readonly #file: string;
  readonly #log: Logger;
  #stamp = '';
  #tokens: StoredToken[] = [];

  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
  }

  /** Whose token this is, null: nobody's, or it has ended. */
  find(presented: string, nowMs: number): { name: string; role: Role } | null {
    this.look();
    const found = findToken(this.#tokens, presented);
    if (!found || (found.expires !== undefined && Date.parse(found.expires) <= nowMs)) return null;
    return { name: found.name, role: found.role };
  }

  /** Takes up the file if it is another one than at the last look. */
  look(): void {
    const stat = statSync(this.#file, { throwIfNoEntry: false, bigint: true });
    const stamp = stat === undefined ? 'none' : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    if (stat === undefined) {
      this.#tokens = [];
      this.problem = `${this.#file} is not there: no bearer token is taken. \`drover token create\` makes it`;
      this.#log.warn({ file: this.#file }, 'there is no file of tokens');
      return;
    }
    try {
      this.#tokens = readTokens(this.#file);
      this.problem = null;
      this.#log.info({ file: this.#file, tokens: this.#tokens.map(({ name }) => name) }, 'tokens in effect');
    } catch (error) {
      this.problem = `the tokens before stay in effect: ${describeError(error)}`;
      this.#log.error({ error: describeError(error) }, 'the file of tokens is refused, those before it stay in effect');
    }
  }
}
