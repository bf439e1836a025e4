import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { z } from 'zod';
import { ConfigError, describeError } from './errors.ts';
import { Approval, Rights } from './rights/schema.ts';

const ControlAddress = z.union([
  z.strictObject({
    url: z.url({ protocol: /^https?$/ }),
    /** PEM of the CA of its certificate. */
    ca: z.string().optional(),
  }),
  z.strictObject({ socket: z.string() }),
]);
/** Where the plugin's control API is: on the network, or its unix socket. */
export type ControlAddress = z.infer<typeof ControlAddress>;

const ChannelId = z
  .string()
  .regex(/^[CG][A-Z0-9]{2,20}$/, 'the id of a channel, as C012AB3CD: it stands at the end of its details');

/** Paths are taken relative to the configuration file. Secrets never stand in it. */
const Config = z.strictObject({
  slack: z.strictObject({
    /** Files that hold one secret each; absent: SLACK_BOT_TOKEN, SLACK_APP_TOKEN, SLACK_SIGNING_SECRET. */
    botTokenFile: z.string().optional(),
    /** Of Socket Mode. */
    appTokenFile: z.string().optional(),
    signingSecretFile: z.string().optional(),
    /** Slack calls the bot here; absent: Socket Mode, where the bot calls Slack. */
    listen: z.strictObject({ address: z.string(), port: z.number().int().min(0).max(65535) }).optional(),
    path: z.string().startsWith('/').default('/slack/events'),
    /** Where it is told that a policy was loaded or refused; absent: nowhere. */
    policyChannel: ChannelId.optional(),
    apiUrl: z.url().default('https://slack.com/api/'),
  }),
  control: z.strictObject({
    api: ControlAddress,
    /** Absent: DROVER_CONTROL_TOKEN; the socket needs none. */
    tokenFile: z.string().optional(),
  }),
  rights: Rights,
  approval: Approval,
  /** What could not be handed to the control API by then is given up, and its asker told. */
  giveUpAfterMinutes: z
    .number()
    .positive()
    .max(24 * 60)
    .default(30),
  /** The file of an SQLite database. */
  database: z.string().default('/var/lib/drover-bot/bot.db'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
});

export interface Secrets {
  botToken: string;
  /** Null with `listen`. */
  appToken: string | null;
  /** Null in Socket Mode. */
  signingSecret: string | null;
  controlToken: string | null;
}
export type Config = z.infer<typeof Config> & { secrets: Secrets };

/**
 * Reads and checks the configuration and the secrets beside it.
 *
 * @throws ConfigError that names file and line of everything that is wrong.
 */
export function readConfig(file: string, environment: NodeJS.ProcessEnv): Config {
  const lines = new LineCounter();
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${file}: ${describeError(error)}`, { cause: error });
  }
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems = [...document.errors, ...document.warnings].map(
    ({ message, pos }) => `${file}:${lines.linePos(pos[0]).line}: ${message}`,
  );
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  const parsed = Config.safeParse(document.toJS() ?? {});
  if (!parsed.success) {
    const texts = parsed.error.issues.map((issue) => {
      const { path, message } = issue;
      const key = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
      const place = lines.linePos(placeOf(document.contents, [...path, ...key])).line;
      return `${file}:${place}: ${path.join('.') || '(top)'}: ${message}`;
    });
    throw new ConfigError(texts.join('\n'));
  }
  const at = (path: string) => resolve(dirname(file), path);
  const { slack, control } = parsed.data;
  const { api } = control;
  const secret = (name: string | undefined, variable: string, key: string) =>
    secretOf(
      name === undefined ? null : at(name),
      environment[variable],
      `${file}: ${key} is missing: name a file with it, or set ${variable}`,
    );
  const isHttp = slack.listen !== undefined;
  return {
    ...parsed.data,
    database: at(parsed.data.database),
    control: {
      ...control,
      api:
        'socket' in api ? { socket: at(api.socket) } : { ...api, ...(api.ca === undefined ? {} : { ca: at(api.ca) }) },
    },
    secrets: {
      botToken: secret(slack.botTokenFile, 'SLACK_BOT_TOKEN', 'slack.botTokenFile'),
      appToken: isHttp ? null : secret(slack.appTokenFile, 'SLACK_APP_TOKEN', 'slack.appTokenFile'),
      signingSecret: isHttp ? secret(slack.signingSecretFile, 'SLACK_SIGNING_SECRET', 'slack.signingSecretFile') : null,
      controlToken: 'socket' in api ? null : secret(control.tokenFile, 'DROVER_CONTROL_TOKEN', 'control.tokenFile'),
    },
  };
}

function secretOf(file: string | null, variable: string | undefined, missing: string): string {
  if (file === null) {
    if (variable) return variable.trim();
    throw new ConfigError(missing);
  }
  try {
    const secret = readFileSync(file, 'utf8').trim();
    if (secret !== '') return secret;
  } catch (error) {
    throw new ConfigError(`${file}: ${describeError(error)}`, { cause: error });
  }
  throw new ConfigError(`${file} is empty: it must hold the secret and nothing else`);
}

/** Where the deepest part of the path that is there begins. */
function placeOf(root: unknown, path: readonly PropertyKey[]): number {
  let node = root as Node | null;
  let place = node?.range?.[0] ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
      if (!pair) break;
      place = (pair.key as Node).range?.[0] ?? place;
      node = pair.value as Node | null;
    } else if (isSeq(node)) {
      node = (node.items[Number(step)] as Node | undefined) ?? null;
      place = node?.range?.[0] ?? place;
    } else break;
  }
  return place;
}
