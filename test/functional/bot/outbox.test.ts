import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Outbox, URGENCY } from '../../../bot/channel/outbox.ts';
import { Replies } from '../../../bot/channel/replies.ts';
import { SlackApi } from '../../../bot/channel/slack.ts';
import { Journal } from '../../../bot/journal/journal.ts';
import { SlackDouble } from '../../slack/double.ts';

const LOG = pino({ level: 'silent' });
const WITHIN = { timeout: 10_000 };
let slack: SlackDouble;
let journal: Journal;
let outbox: Outbox;
let folder = '';
let text = '';
let blocks: object[] = [];
let isFinal = false;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-outbox-'));
  slack = new SlackDouble();
  await slack.start();
  await open();
  text = 'first';
  blocks = [];
  isFinal = false;
});

afterEach(async () => {
  await outbox.stop();
  await journal.close();
  await slack.stop();
  rmSync(folder, { recursive: true });
});

async function open(): Promise<void> {
  journal = await Journal.open(join(folder, 'bot.db'));
  const api = new SlackApi(slack.apiUrl, slack.botToken, LOG);
  outbox = new Outbox({ slack: api, journal, log: LOG, posted: async () => {}, settleMs: 200 });
  await outbox.start();
}

function show(key = 'ask:1', channel = 'C1'): void {
  const render = () => ({ content: { text, blocks }, isFinal });
  outbox.show({ key, channel, elsewhere: 'U1', render, urgency: URGENCY.change });
}

const said = () => slack.workspace.messages.map(({ versions }) => versions.map((version) => version.text));
const count = (method: string) => slack.calls.filter((call) => call.method === method).length;

describe('the way out to Slack', () => {
  it('posts a message once, and changes it to the newest of what is said meanwhile', async () => {
    show();
    await expect.poll(said, WITHIN).toEqual([['first']]);
    for (let n = 0; n <= 20; n += 1) {
      text = `change ${n}`;
      show();
    }
    await expect.poll(said, WITHIN).toEqual([['first', 'change 20']]);
    show();
    await expect.poll(() => outbox.waiting, WITHIN).toBe(0);
    expect(count('chat.update')).toBe(1);
  });

  it('finds the message whose posting was not answered, and posts it once though it was killed meanwhile', async () => {
    // Slack has taken it, and its answer does not arrive.
    slack.onDone = (method) => {
      if (method === 'chat.postMessage') slack.cut();
    };
    show();
    await expect.poll(said, WITHIN).toEqual([['first']]);
    await outbox.stop();
    await journal.close();
    slack.onDone = () => {};
    await open();
    text = 'later';
    show();
    await expect.poll(said, WITHIN).toEqual([['first', 'later']]);
  });

  it('keeps what it has to say while Slack is away, and waits as long as Slack says', async () => {
    slack.isDown = true;
    show('ask:1', 'C1');
    show('ask:2', 'C2');
    await expect.poll(() => outbox.waiting, WITHIN).toBe(2);
    slack.isDown = false;
    await expect.poll(() => said().flat(), WITHIN).toEqual(['first', 'first']);
    // Others use up what Slack gives in the channel.
    const others = new SlackApi(slack.apiUrl, slack.botToken, LOG);
    await Promise.allSettled([1, 2, 3, 4, 5].map(() => others.call('chat.postMessage', { channel: 'C9', text: 'x' })));
    const before = slack.calls.length;
    show('ask:9', 'C9');
    await expect.poll(() => outbox.waiting, WITHIN).toBe(0);
    const own = slack.calls.slice(before).filter(({ args }) => args.text === 'first');
    expect(own.filter(({ status }) => status === 429).length).toBeLessThanOrEqual(1);
    expect(own.at(-1)?.status).toBe(200);
  });
});

const section = (words: string) => ({ type: 'section', text: { type: 'mrkdwn', text: words } });
const cancel = { type: 'button', action_id: 'ask.cancel', text: { type: 'plain_text', text: 'Cancel' } };
const newest = () => slack.workspace.messages.at(-1)?.versions.at(-1);
const errors = () => slack.calls.flatMap(({ error }) => error ?? []);

describe('what Slack does not take', () => {
  it('because it is too long is shown shorter, with its buttons; its end is shown whole where Slack takes it', async () => {
    const lines = Array.from({ length: 5 }, (_, n) => section(`${n} ${'x'.repeat(2900)}`));
    blocks = [...lines, { type: 'actions', elements: [cancel] }];
    show();
    await expect.poll(said, WITHIN).toEqual([['first']]);
    expect(errors()).toEqual(['msg_blocks_too_long']);
    expect(JSON.stringify(newest())).toMatch(/"0 x+".*shortened.*ask\.cancel/);
    text = 'second';
    show();
    await expect.poll(said, WITHIN).toEqual([['first', 'second']]);
    expect(errors()).toHaveLength(2);
    [text, blocks, isFinal] = ['last', [section('all of it')], true];
    show();
    await expect.poll(said, WITHIN).toEqual([['first', 'second', 'last']]);
    await expect.poll(() => outbox.waiting, WITHIN).toBe(0);
    expect(newest()?.blocks).toEqual([section('all of it')]);
    expect(slack.calls).toHaveLength(5);
  });

  it('because a block of it is wrong is shown by its line of text, and asked of Slack no third time', async () => {
    [blocks, isFinal] = [[section('x'.repeat(3001))], true];
    show();
    await expect.poll(said, WITHIN).toEqual([['first (shortened: Slack did not take all of it)']]);
    await expect.poll(() => outbox.waiting, WITHIN).toBe(0);
    expect(errors()).toEqual(['invalid_blocks']);
    expect((await journal.posts.get('ask:1'))?.shown).toMatch(/^final:/);
  });

  it('in no form is given up, but what comes last is tried again', async () => {
    [text, blocks] = ['x'.repeat(40_001), [section('')]];
    const rules = slack.workspace.post.bind(slack.workspace);
    slack.workspace.post = () => ({ ok: false, error: 'msg_too_long' });
    show();
    await expect.poll(() => outbox.waiting, WITHIN).toBe(0);
    expect(errors()).toEqual(['msg_too_long', 'msg_too_long', 'msg_too_long']);
    slack.workspace.post = rules;
    [text, blocks, isFinal] = ['last', [], true];
    show();
    await expect.poll(said, WITHIN).toEqual([['last']]);
  });

  it('because the message was deleted: its end is posted anew, once', async () => {
    show();
    await expect.poll(said, WITHIN).toEqual([['first']]);
    await expect.poll(() => outbox.waiting, WITHIN).toBe(0);
    slack.workspace.messages.length = 0;
    text = 'on its way';
    show();
    await expect.poll(errors, WITHIN).toEqual(['message_not_found']);
    [text, isFinal] = ['last', true];
    show();
    await expect.poll(said, WITHIN).toEqual([['last']]);
    await expect.poll(() => outbox.waiting, WITHIN).toBe(0);
    expect(errors()).toEqual(['message_not_found', 'message_not_found']);
  });

  it('is not the end of what was said while Slack said no: that is tried by itself', async () => {
    show();
    await expect.poll(said, WITHIN).toEqual([['first']]);
    await expect.poll(() => outbox.waiting, WITHIN).toBe(0);
    slack.workspace.messages.length = 0;
    slack.onDone = (method) => {
      if (method !== 'chat.update') return;
      slack.onDone = () => {};
      [text, isFinal] = ['last', true];
      show();
    };
    text = 'on its way';
    show();
    await expect.poll(said, WITHIN).toEqual([['last']]);
    await expect.poll(() => outbox.waiting, WITHIN).toBe(0);
  });
});

it('a bot that was put out of the channel says the end to the asker', async () => {
  show();
  await expect.poll(said, WITHIN).toEqual([['first']]);
  await expect.poll(() => outbox.waiting, WITHIN).toBe(0);
  slack.workspace.closed.add('C1');
  [text, isFinal] = ['last', true];
  show();
  await expect.poll(said, WITHIN).toEqual([['first'], ['last']]);
  expect(slack.workspace.messages.at(-1)?.channel).toBe('DU1');
  expect(errors()).toEqual(['not_in_channel']);
});

describe('an answer to one person', () => {
  it('that Slack does not take is given shorter', async () => {
    const replies = new Replies(new SlackApi(slack.apiUrl, slack.botToken, LOG), slack.apiUrl, LOG);
    const { delivery } = await slack.command('help', { user: 'U1', channel: 'C1' }, null);
    const to = { user: 'U1', channel: 'C1', responseUrl: String(delivery.payload.response_url), atMs: Date.now() };
    await replies.answer(to, { text: 'the plan', blocks: [section('x'.repeat(3001))] });
    expect(newest()?.text).toBe('the plan (shortened: Slack did not take all of it)');
  });

  it('goes to Slack’s address for it five times, and then by name', async () => {
    const replies = new Replies(new SlackApi(slack.apiUrl, slack.botToken, LOG), slack.apiUrl, LOG);
    const { delivery } = await slack.command('help', { user: 'U1', channel: 'C1' }, null);
    const to = { user: 'U1', channel: 'C1', responseUrl: String(delivery.payload.response_url), atMs: Date.now() };
    for (let n = 0; n < 6; n += 1) await replies.answer(to, { text: `answer ${n}`, blocks: [] });
    expect([count('response_url'), count('chat.postEphemeral')]).toEqual([5, 1]);
    expect(slack.calls.every(({ error }) => error === null)).toBe(true);
    slack.workspace.closed.add('C1');
    await replies.answer({ ...to, responseUrl: null }, { text: 'at last', blocks: [] });
    expect(slack.workspace.messages.at(-1)).toMatchObject({ channel: 'U1' });
  });

  it('never goes anywhere else than to Slack', async () => {
    const replies = new Replies(new SlackApi(slack.apiUrl, slack.botToken, LOG), slack.apiUrl, LOG);
    const to = { user: 'U1', channel: 'C1', responseUrl: 'http://169.254.169.254/steal', atMs: Date.now() };
    await replies.answer(to, { text: 'x', blocks: [] });
    expect(count('chat.postEphemeral')).toBe(1);
  });
});
