import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { Role } from '../contract.ts';
import { DroverError, describeError } from '../errors.ts';

/** 256 random bits cannot be guessed, so a plain SHA-256 of them at rest is enough: no salt, no slow hash. */
const TOKEN_BYTES = 32;
/** Makes a token known as one of Drover's where it should not be: in a log, in a repository. */
const TOKEN_PREFIX = 'drover_';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export const StoredToken = z.strictObject({
  name: z.string().regex(NAME, 'is letters, digits, ".", "_" and "-", at most 64'),
  role: Role,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 in hex: let `drover token create` write it'),
  created: z.iso.datetime({ offset: true }),
  /** Absent: it does not end. */
  expires: z.iso.datetime({ offset: true }).optional(),
});
export type StoredToken = z.infer<typeof StoredToken>;

const TokenFile = z.array(StoredToken).superRefine((tokens, context) => {
  const seen = new Set<string>();
  for (const [index, { name }] of tokens.entries()) {
    if (seen.has(name)) context.addIssue({ code: 'custom', path: [index, 'name'], message: `${name} stands twice` });
    seen.add(name);
  }
});

/** @throws DroverError `config-invalid` that names each fault. An empty file holds no tokens. */
export function readTokens(file: string): StoredToken[] {
  let document: unknown;
  try {
    document = parse(readFileSync(file, 'utf8')) ?? [];
  } catch (error) {
    throw new DroverError('config-invalid', `${file}: ${describeError(error)}`);
  }
  const parsed = TokenFile.safeParse(document);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new DroverError('config-invalid', `${file}: ${problems.join('; ')}`);
}

/**
 * Makes a token, writes its hash to the file, and gives the token itself, which nothing else ever shows.
 *
 * @throws DroverError `config-invalid`: the name is taken or is none, or the file is no good.
 */
export function createToken(file: string, wanted: { name: string; role: Role; expiresAtMs: number | null }): string {
  const token = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
  if (!NAME.test(wanted.name)) {
    throw new DroverError('config-invalid', `${JSON.stringify(wanted.name)} is no name: ${NAME.source}`);
  }
  change(file, (tokens) => {
    if (tokens.some(({ name }) => name === wanted.name)) {
      throw new DroverError(
        'config-invalid',
        `${file} has a token ${wanted.name}: take another name, or end it with \`drover token revoke ${wanted.name}\``,
      );
    }
    const expires = wanted.expiresAtMs === null ? {} : { expires: new Date(wanted.expiresAtMs).toISOString() };
    const { name, role } = wanted;
    return [
      ...tokens,
      { name, role, sha256: hash(token).toString('hex'), created: new Date().toISOString(), ...expires },
    ];
  });
  return token;
}

/** @throws DroverError `config-invalid` if there is none of that name. */
export function revokeToken(file: string, name: string): void {
  change(file, (tokens) => {
    if (!tokens.some((token) => token.name === name)) {
      throw new DroverError('config-invalid', `${file} has no token ${name}; \`drover token list\` shows them`);
    }
    return tokens.filter((token) => token.name !== name);
  });
}

/** The one whose token this is. All are compared, each in constant time. */
export function findToken(tokens: readonly StoredToken[], presented: string): StoredToken | null {
  const wanted = hash(presented);
  return tokens.reduce<StoredToken | null>(
    (found, token) => (timingSafeEqual(Buffer.from(token.sha256, 'hex'), wanted) ? token : found),
    null,
  );
}

export function hash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Whole or not at all, and one writer at a time: whoever comes second is told so. */
function change(file: string, next: (tokens: StoredToken[]) => StoredToken[]): void {
  const draft = `${file}.new`;
  let descriptor: number;
  try {
    descriptor = openSync(draft, 'wx', 0o600);
  } catch (error) {
    const advice = `another \`drover token\` is at work, or left ${draft} behind: then delete that file`;
    throw new DroverError('config-invalid', `${draft}: ${describeError(error)}; ${advice}`);
  }
  try {
    const before = statSync(file, { throwIfNoEntry: false }) === undefined ? [] : readTokens(file);
    writeSync(descriptor, stringify(next(before)));
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
