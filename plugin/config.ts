import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { DroverError, describeError } from './errors.ts';
import { ForwardedSettings, LimitSettings, ListenSettings, NovaSettings } from './proxy/settings.ts';

/** Paths are taken relative to the configuration file. */
const Config = z.strictObject({
  listen: ListenSettings,
  nova: NovaSettings,
  forwarded: ForwardedSettings.prefault({}),
  limits: LimitSettings.default({}),
  /** Drover's own account: it needs the roles that Nova asks of an administrator. */
  keystone: z.strictObject({
    authUrl: z.url(),
    username: z.string(),
    /** A file that holds the password and nothing else. */
    passwordFile: z.string(),
    userDomainId: z.string().default('default'),
    projectName: z.string(),
    projectDomainId: z.string().default('default'),
    region: z.string().optional(),
  }),
  /** Roles of which a caller needs one before a migration of theirs is accepted to wait (Nova's default policy: admin). */
  liveMigrateRoles: z.array(z.string()).min(1).default(['admin']),
  /** A file, a directory, or a list of them; later ones over earlier ones (policy/watch.ts, policy/trace.ts). */
  policy: z.union([z.string(), z.array(z.string()).min(1)]),
  /** The SQLite database. */
  database: z.string(),
  /** Unix socket of the control API; whoever may open it may use it. */
  controlSocket: z.string().default('/run/drover/control.sock'),
  hostd: z.strictObject({
    ca: z.string(),
    cert: z.string(),
    key: z.string(),
    /** Nova's name of each compute host and the URL of its hostd. */
    hosts: z.array(z.strictObject({ name: z.string(), url: z.url({ protocol: /^https$/ }) })),
  }),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
});
export type Config = z.infer<typeof Config>;

/**
 * Reads and checks the configuration file; relative paths in the result are absolute.
 *
 * @throws DroverError `config-invalid` naming every field that is wrong.
 */
export function readConfig(file: string): Config {
  let document: unknown;
  try {
    document = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new DroverError('config-invalid', `${file}: ${describeError(error)}`);
  }
  const parsed = Config.safeParse(document);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
    throw new DroverError('config-invalid', `${file}:\n  ${problems.join('\n  ')}`);
  }
  const config = parsed.data;
  const at = (path: string) => resolve(dirname(file), path);
  const { keystone, hostd, listen, nova } = config;
  const { tls } = listen;
  return {
    ...config,
    listen: { ...listen, ...(tls ? { tls: { cert: at(tls.cert), key: at(tls.key) } } : {}) },
    nova: { ...nova, ...(nova.ca === undefined ? {} : { ca: at(nova.ca) }) },
    keystone: { ...keystone, passwordFile: at(keystone.passwordFile) },
    policy: [config.policy].flat().map(at),
    database: at(config.database),
    controlSocket: at(config.controlSocket),
    hostd: { ...hostd, ca: at(hostd.ca), cert: at(hostd.cert), key: at(hostd.key) },
  };
}
