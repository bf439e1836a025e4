import { type Finding, fail, ok, warn } from 'drover-hostd/check/finding';
import type { Logger } from 'pino';
import { SlackApi } from './channel/slack.ts';
import type { Config } from './config.ts';
import { DroverClient } from './drover/client.ts';
import { describeError, SlackError } from './errors.ts';
import { Journal } from './journal/journal.ts';

/** As bot/manifest.yaml asks for them, with what each is for. */
const SCOPES: Readonly<Record<string, string>> = {
  commands: '/migrate',
  'chat:write': 'messages',
  'users:read': 'of which workspace somebody is, their time zone and name',
  'usergroups:read': 'rights by user group',
  'im:write': 'messages to the asker where the bot is not in the channel',
  'channels:history': 'finding a message whose posting was cut off',
  'groups:history': 'the same in private channels',
  'im:history': 'the same in direct messages',
  'mpim:history': 'the same in group messages',
  'metadata.message:read': 'the same: by what the bot has put there',
};

/** Looks at all that the bot needs; changes nothing but that it opens its database. */
export async function check(config: Config, log: Logger): Promise<Finding[]> {
  const { slack: where, secrets, control, database } = config;
  const slack = new SlackApi(where.apiUrl, secrets.botToken, log);
  const drover = new DroverClient(control.api, secrets.controlToken);
  const findings = await Promise.all([
    finding('database', 'is the folder there, and may the bot write in it?', async () => {
      await (await Journal.open(database)).close();
      return database;
    }),
    finding(
      'slack.token',
      'install the app in the workspace, and put its bot token (xoxb-) into slack.botTokenFile',
      () => workspaceOf(slack),
    ),
    scopes(slack),
    ...(secrets.appToken === null ? [] : [socket(where.apiUrl, secrets.appToken, log)]),
    ...(where.policyChannel === undefined ? [] : [channel(slack, where.policyChannel)]),
    ...[...new Set(config.rights.flatMap(({ groups }) => groups))].map((group) =>
      finding(`rights.${group.toLowerCase()}`, 'correct the id in rights, or make the user group', async () => {
        const { users } = await slack.call('usergroups.users.list', { usergroup: group });
        return `${(users as unknown[] | undefined)?.length ?? 0} members`;
      }),
    ),
    finding(
      'control.api',
      'is the plugin running, and is the token one of `drover token create bot --role operate`?',
      async () => {
        const { active } = await drover.policy();
        return `answers; policy ${active ?? 'none'}`;
      },
    ),
  ]);
  return findings;
}

async function finding(what: string, todo: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return ok(what, await look());
  } catch (error) {
    return fail(what, describeError(error), todo);
  }
}

async function workspaceOf(slack: SlackApi): Promise<string> {
  const { team, user } = await slack.call('auth.test', {});
  return `${String(user)} in ${String(team)}`;
}

async function scopes(slack: SlackApi): Promise<Finding> {
  const name = 'slack.scopes';
  try {
    const { response_metadata: metadata } = await slack.call('auth.test', {});
    const given = (metadata as { scopes?: string[] } | undefined)?.scopes ?? [];
    if (given.length === 0) return warn(name, 'Slack does not say which', "compare the app's with bot/manifest.yaml");
    const missing = Object.entries(SCOPES).filter(([scope]) => !given.includes(scope));
    if (missing.length === 0) return ok(name, given.join(', '));
    const found = `missing: ${missing.map(([scope, use]) => `${scope} (${use})`).join(', ')}`;
    return fail(name, found, "bring the app's manifest up to bot/manifest.yaml, and install it again");
  } catch (error) {
    return fail(name, describeError(error), 'see slack.token');
  }
}

function socket(apiUrl: string, appToken: string, log: Logger): Promise<Finding> {
  const todo = 'make an app-level token (xapp-) with connections:write, and put it into slack.appTokenFile';
  return finding('slack.socket', todo, async () => {
    await new SlackApi(apiUrl, appToken, log).call('apps.connections.open', {});
    return 'Socket Mode is open to this token';
  });
}

async function channel(slack: SlackApi, id: string): Promise<Finding> {
  const name = 'slack.policy-channel';
  try {
    await slack.call('conversations.history', { channel: id, limit: 1 });
    return ok(name, `the bot is in ${id}`);
  } catch (error) {
    const isOut = error instanceof SlackError && ['channel_not_found', 'not_in_channel'].includes(error.code);
    const why = isOut ? `the bot is not in ${id}, or there is no such channel` : describeError(error);
    return fail(name, why, 'invite it there: /invite @Drover; or correct slack.policyChannel');
  }
}
