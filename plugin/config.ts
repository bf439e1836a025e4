import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { Role } from './contract.ts';
import { RetentionSettings } from './controller/retention.ts';
import { databaseProblem, isUrl } from './controller/store/locate.ts';
import { DroverError, describeError } from './errors.ts';
import { NotificationSettings } from './notifications/settings.ts';
import { ForwardedSettings, LimitSettings, ListenSettings, NovaSettings } from './proxy/settings.ts';

const Control = z
  .strictObject({
    listen: z.strictObject({ address: z.string(), port: z.number().int().min(0).max(65535) }),
    /** Certificate and key in PEM; read again when they change. */
    tls: z.strictObject({ cert: z.string(), key: z.string() }).optional(),
    /** Without TLS whoever reads the traffic has the tokens: only this lets it listen so beyond the loopback. */
    plainHttp: z.boolean().default(false),
    /** File that `drover token` writes; read again when it changes. */
    tokens: z.string().optional(),
    /** Drover's role of each Keystone role; absent: no Keystone token is taken. */
    keystone: z.strictObject({ roles: z.record(z.string(), Role) }).optional(),
  })
  .refine(({ tokens, keystone }) => tokens !== undefined || keystone !== undefined, {
    error: 'nobody could use it: set tokens, keystone or both',
  })
  .refine(({ listen, tls, plainHttp }) => tls || plainHttp || isLoopback(listen.address), {
    error: 'tokens would cross the network in the clear: set tls, or plainHttp: true where something else encrypts',
  });
export type Control = z.infer<typeof Control>;

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
  /** Where Placement is; absent: where the catalogue says. */
  placement: z.strictObject({ url: z.url({ protocol: /^https?$/ }) }).optional(),
  /** Roles of which a caller needs one before a migration of theirs is accepted to wait (Nova's default policy: admin). */
  liveMigrateRoles: z.array(z.string()).min(1).default(['admin']),
  /** A file, a directory, or a list of them; later ones over earlier ones (policy/watch.ts, policy/trace.ts). */
  policy: z.union([z.string(), z.array(z.string()).min(1)]),
  /** The file of an SQLite database; or, for several replicas, a MariaDB: `mysql://USER@HOST:PORT/DATABASE`. */
  database: z.string().superRefine((text, context) => {
    const problem = databaseProblem(text);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  }),
  /** Of MariaDB: a file that holds the password and nothing else. */
  databasePasswordFile: z.string().optional(),
  /** Of MariaDB: PEM of the CA that signed its certificate; the connection is then by TLS. */
  databaseCa: z.string().optional(),
  /** How long is kept what nobody needs to run on (controller/retention.ts). */
  retention: RetentionSettings.prefault({}),
  /** This one of several on the same MariaDB. */
  replica: z
    .strictObject({
      /** Another one in each replica. */
      name: z.string().regex(/^[\w.-]{1,64}$/, 'letters, digits, ".", "-" and "_", at most 64'),
      /** Base URL at which the other replicas reach this one's `listen`. */
      advertise: z.url({ protocol: /^https?$/ }),
      /** PEM of the CA of the replicas' certificates, where `advertise` is https. */
      ca: z.string().optional(),
    })
    .optional(),
  /** Unix socket of the control API; whoever may open it may do everything. */
  controlSocket: z.string().default('/run/drover/control.sock'),
  /** The control API on the network, absent: on the socket alone. */
  control: Control.optional(),
  hostd: z.strictObject({
    ca: z.string(),
    cert: z.string(),
    key: z.string(),
    /** Nova's name of each compute host and the URL of its hostd. */
    hosts: z.array(z.strictObject({ name: z.string(), url: z.url({ protocol: /^https$/ }) })),
  }),
  /** Nova's versioned notifications on RabbitMQ; absent: Nova is asked at intervals alone. */
  notifications: NotificationSettings.optional(),
  /** Where the trace of each migration goes (OpenTelemetry, OTLP/HTTP with JSON); absent: nowhere. */
  traces: z
    .strictObject({ url: z.url({ protocol: /^https?$/ }), headers: z.record(z.string(), z.string()).default({}) })
    .optional(),
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
  const parsed = Config.superRefine(checkDatabase).safeParse(document);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
    throw new DroverError('config-invalid', `${file}:\n  ${problems.join('\n  ')}`);
  }
  const config = parsed.data;
  const at = (path: string) => resolve(dirname(file), path);
  const { keystone, hostd, control, listen, nova, notifications } = config;
  const { tls } = listen;
  return {
    ...config,
    listen: { ...listen, ...(tls ? { tls: { cert: at(tls.cert), key: at(tls.key) } } : {}) },
    nova: { ...nova, ...(nova.ca === undefined ? {} : { ca: at(nova.ca) }) },
    keystone: { ...keystone, passwordFile: at(keystone.passwordFile) },
    policy: [config.policy].flat().map(at),
    database: isUrl(config.database) ? config.database : at(config.database),
    ...(config.databasePasswordFile === undefined ? {} : { databasePasswordFile: at(config.databasePasswordFile) }),
    ...(config.databaseCa === undefined ? {} : { databaseCa: at(config.databaseCa) }),
    ...(config.replica?.ca === undefined ? {} : { replica: { ...config.replica, ca: at(config.replica.ca) } }),
    controlSocket: at(config.controlSocket),
    ...(control ? { control: withPaths(control, at) } : {}),
    ...(notifications ? { notifications: withFiles(notifications, at) } : {}),
    hostd: { ...hostd, ca: at(hostd.ca), cert: at(hostd.cert), key: at(hostd.key) },
  };
}

/** MariaDB, its password and the replica go together. */
function checkDatabase(
  { database, databasePasswordFile, databaseCa, replica }: Config,
  context: { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void },
): void {
  const complain = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
  if (isUrl(database)) {
    if (databasePasswordFile === undefined)
      complain('databasePasswordFile', `name the file with the password for ${database}`);
    if (replica === undefined) complain('replica', 'several may work on this database: set name and advertise');
    return;
  }
  if (databasePasswordFile !== undefined) complain('databasePasswordFile', 'a file has no password: leave it out');
  if (databaseCa !== undefined) complain('databaseCa', 'a file has no connection: leave it out');
  if (replica !== undefined)
    complain('replica', 'replicas need one MariaDB: set database to mysql://USER@HOST:PORT/DATABASE');
}

function withPaths(control: Control, at: (path: string) => string): Control {
  const { tls, tokens } = control;
  return {
    ...control,
    ...(tls ? { tls: { cert: at(tls.cert), key: at(tls.key) } } : {}),
    ...(tokens === undefined ? {} : { tokens: at(tokens) }),
  };
}

function withFiles(notifications: NotificationSettings, at: (path: string) => string): NotificationSettings {
  const { passwordFile, ca } = notifications;
  return { ...notifications, passwordFile: at(passwordFile), ...(ca === undefined ? {} : { ca: at(ca) }) };
}

function isLoopback(address: string): boolean {
  return address === '::1' || address === 'localhost' || /^127(\.\d{1,3}){3}$/.test(address);
}
