import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const BOT = join(import.meta.dirname, '../../../bot');

/** One for each kind of channel, and one for what tells a message from others. */
const HISTORY = ['channels:history', 'groups:history', 'im:history', 'mpim:history', 'metadata.message:read'];
/** Each method that is called, and what Slack wants for it (docs.slack.dev/reference/methods). */
const SCOPES: Readonly<Record<string, readonly string[]>> = {
  'auth.test': [],
  'chat.postMessage': ['chat:write'],
  'chat.postEphemeral': ['chat:write'],
  'chat.update': ['chat:write'],
  'conversations.history': HISTORY,
  'conversations.replies': HISTORY,
  'conversations.open': ['im:write'],
  'users.info': ['users:read'],
  'usergroups.list': ['usergroups:read'],
  'usergroups.users.list': ['usergroups:read'],
  'views.open': [],
  'views.publish': [],
  'views.update': [],
};

const name = (most: number) => z.string().min(1).max(most);
/** Of the reference (docs.slack.dev/reference/app-manifest) what is used here, with its limits. */
const Manifest = z.strictObject({
  _metadata: z.strictObject({ major_version: z.literal(2), minor_version: z.number() }),
  display_information: z.strictObject({
    name: name(35),
    description: name(140),
    long_description: z.string().min(174).max(4000),
    background_color: z.string().regex(/^#[0-9a-f]{6}$/),
  }),
  features: z.strictObject({
    app_home: z.strictObject({
      home_tab_enabled: z.literal(true),
      messages_tab_enabled: z.boolean(),
      messages_tab_read_only_enabled: z.boolean(),
    }),
    bot_user: z.strictObject({ display_name: name(80), always_online: z.boolean() }),
    slash_commands: z.array(
      z.strictObject({
        command: z.string().regex(/^\/[a-z-]{1,31}$/),
        description: name(2000),
        usage_hint: name(1000),
        should_escape: z.boolean(),
      }),
    ),
  }),
  oauth_config: z.strictObject({ scopes: z.strictObject({ bot: z.array(z.string()) }) }),
  settings: z.strictObject({
    event_subscriptions: z.strictObject({ bot_events: z.array(z.string()) }),
    interactivity: z.strictObject({ is_enabled: z.literal(true) }),
    org_deploy_enabled: z.boolean(),
    socket_mode_enabled: z.literal(true),
    token_rotation_enabled: z.literal(false),
  }),
});

const manifest = Manifest.parse(parse(readFileSync(join(BOT, 'manifest.yaml'), 'utf8')));
const sources = globSync('**/*.ts', { cwd: BOT, exclude: ['node_modules'] }).map((file) =>
  readFileSync(join(BOT, file), 'utf8'),
);

/** Methods of the Web API that stand in the bot's files. */
function methodsCalled(): string[] {
  const families = 'auth|chat|conversations|users|usergroups|views|reactions|files|pins|bookmarks';
  const quoted = new RegExp(`'((?:${families})\\.[a-zA-Z.]+)'`, 'g');
  return [...new Set(sources.flatMap((source) => [...source.matchAll(quoted)].map(([, method = '']) => method)))];
}

describe("the app's manifest", () => {
  it('has the scopes that the called methods take, /migrate, and no other', () => {
    const called = methodsCalled();
    expect(called.filter((method) => !(method in SCOPES))).toEqual([]);
    const wanted = new Set(['commands', ...called.flatMap((method) => SCOPES[method] ?? [])]);
    expect([...manifest.oauth_config.scopes.bot].sort()).toEqual([...wanted].sort());
  });

  it('has the scopes that drover-bot check looks for', () => {
    const check = readFileSync(join(BOT, 'check.ts'), 'utf8');
    const [, looked = ''] = /const SCOPES[^{]*\{([^}]*)\}/.exec(check) ?? [];
    const names = [...looked.matchAll(/^\s*'?([a-z.:]+)'?:/gm)].map(([, scope]) => scope);
    expect(names.sort()).toEqual([...manifest.oauth_config.scopes.bot].sort());
  });

  it('has the command and the events that the bot listens to', () => {
    const heard = (pattern: RegExp) =>
      sources.flatMap((source) => [...source.matchAll(pattern)].map(([, what]) => what));
    expect(manifest.features.slash_commands.map(({ command }) => command)).toEqual(heard(/\.command\('([^']+)'/g));
    expect(manifest.settings.event_subscriptions.bot_events).toEqual(heard(/\.event\('([^']+)'/g));
  });
});
