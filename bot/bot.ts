import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Notice } from 'drover-plugin/contract';
import type { Logger } from 'pino';
import { Transport } from './app.ts';
import { Alarms } from './asks/alarms.ts';
import { Asks } from './asks/asks.ts';
import { Follow } from './asks/follow.ts';
import { refusalOf } from './asks/refusal.ts';
import { Display } from './asks/show.ts';
import { Tell } from './asks/tell.ts';
import { Work } from './asks/work.ts';
import { Audit } from './audit.ts';
import { Outbox } from './channel/outbox.ts';
import { Replies } from './channel/replies.ts';
import { SlackApi } from './channel/slack.ts';
import type { Config } from './config.ts';
import { DroverClient } from './drover/client.ts';
import { Feed } from './drover/feed.ts';
import { Journal } from './journal/journal.ts';
import type { Post } from './journal/posts.ts';
import * as answers from './listen/answers.ts';
import { Cancel } from './listen/cancel.ts';
import { Clicks } from './listen/clicks.ts';
import { Commands } from './listen/commands.ts';
import { Form } from './listen/form.ts';
import { Home } from './listen/home.ts';
import { Inbox } from './listen/inbox.ts';
import { listen } from './listen/listen.ts';
import { Raise } from './listen/raise.ts';
import { People } from './people.ts';

const TIDY_EVERY_MS = 10 * 60_000;

export interface RunningBot {
  /** Where Slack calls it; null in Socket Mode. */
  port: number | null;
  status(): string;
  stop(): Promise<void>;
}

export interface BotSettings {
  /** How long a posting that was cut off is left alone before it is looked for. */
  settleMs?: number;
  /** How long the members of a user group are not asked for again. */
  membersMs?: number;
}

/** Starts the bot's parts in the order that they need each other; the result stops them in reverse. */
export async function startBot(config: Config, log: Logger, settings: BotSettings = {}): Promise<RunningBot> {
  const { slack: slackConfig, control, secrets, rights, approval } = config;
  mkdirSync(dirname(config.database), { recursive: true });
  const journal = await Journal.open(config.database);
  const slack = new SlackApi(slackConfig.apiUrl, secrets.botToken, log);
  const drover = new DroverClient(control.api, secrets.controlToken);
  const groups = rights.flatMap((grant) => grant.groups);
  const people = new People(slack, groups, log, settings.membersMs);
  const audit = new Audit(journal, log);
  const asks = new Asks(journal);
  const rules = { rights, approval };
  const outbox = new Outbox({
    slack,
    journal,
    log,
    posted: (key, channel, ts) => display.posted(key, channel, ts),
    ...(settings.settleMs === undefined ? {} : { settleMs: settings.settleMs }),
  });
  const display: Display = new Display(asks, outbox, journal);
  const replies = new Replies(slack, slackConfig.apiUrl, log);
  const giveUpAfterMs = config.giveUpAfterMinutes * 60_000;
  const flushed = () => journal.flushed();
  const work = new Work({ asks, drover, people, rules, audit, giveUpAfterMs, flushed, log });
  const alarms = new Alarms(asks, (ask) => audit.note('bot', 'expire', ask.id, 'expired', { why: ask.stateText }));
  const follow = new Follow({
    asks,
    drover,
    journal,
    noticePost: (notice) => noticePost(notice, slackConfig.policyChannel ?? null),
    posted: (post) => outbox.post(post),
    progressed: (some) => display.progressed(some),
    opened: () => work.wakeAll(),
    log,
  });
  const tell = new Tell({ asks, replies, write: answers.cameToNothing, log });
  asks.changed = (ask) => {
    display.changed(ask);
    alarms.watch(ask);
    work.wake(ask.id);
    tell.watch(ask);
  };
  const cancel = new Cancel({ asks, drover, people, rules, audit });
  const commands = new Commands({
    asks,
    journal,
    drover,
    people,
    replies,
    rules,
    audit,
    cancel,
  });
  const raise = new Raise({ asks, drover, people, rules, audit });
  const clicks = new Clicks({ asks, journal, people, replies, rules, audit, cancel, raise });
  const inbox = new Inbox(
    journal,
    (heard, delivery, atMs) =>
      heard.kind === 'command' ? commands.handle(heard, delivery, atMs) : clicks.handle(heard, delivery, atMs),
    log,
  );
  const feed = new Feed({
    address: control.api,
    token: secrets.controlToken,
    place: () => journal.place(),
    take: (news) => follow.take(news),
    log,
  });
  const transport = new Transport({
    config,
    wasTaken: (signature) => journal.wasSigned(signature),
    refused: (why, from) => audit.note(from, 'delivery', null, why),
    log,
  });
  const refusal = (user: string) => refusalOf(rights, people, user, { act: 'look' });
  listen(transport.app, {
    inbox,
    form: new Form({ slack, inbox, refusal, audit, log }),
    home: new Home({ slack, drover, refusal, audit, log }),
    signed: (signature) => journal.signed(signature, Date.now()),
    log,
  });

  await asks.load(Date.now());
  await display.start();
  await outbox.start();
  await inbox.start();
  follow.start();
  feed.start();
  const port = await transport.start();
  const tidy = setInterval(() => {
    asks.tidy(Date.now());
    journal.tidy(Date.now()).catch((error: unknown) => log.warn({ error: String(error) }, 'the journal is not tidied'));
  }, TIDY_EVERY_MS);
  log.info({ port }, 'the bot listens');
  return {
    port,
    status: () =>
      `${asks.running().length} asks run, ${outbox.waiting} messages wait, events ${feed.isOpen ? 'are read' : 'are not read: the control API does not answer'}`,
    async stop() {
      clearInterval(tidy);
      await transport.stop();
      await feed.stop();
      await follow.stop();
      await inbox.stop();
      await work.stop();
      await tell.stop();
      alarms.stop();
      display.stop();
      await outbox.stop();
      await asks.stop();
      await journal.close();
    },
  };
}

/** Policies only: windows open and close every day, and what goes to Nova unmanaged has an event of its own. */
function noticePost(notice: Notice, channel: string | null): Post | null {
  if (channel === null || !notice.code.startsWith('policy-')) return null;
  const content = JSON.stringify(answers.notice(notice));
  const post = { thread_ts: null, ts: null, posting_since_ms: null, shown: null };
  return { key: `notice:${notice.id}`, channel, content, ...post };
}
