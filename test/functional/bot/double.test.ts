import { App, LogLevel } from '@slack/bolt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SlackDouble } from '../../slack/double.ts';

/** The double against a real Bolt app: what is asserted of the bot later is only worth what the double enforces. */
let slack: SlackDouble;

beforeEach(async () => {
  slack = new SlackDouble();
  await slack.start();
});

afterEach(() => slack.stop());

const BY = { user: 'U1', channel: 'C1' };

function socketApp(): App {
  return new App({
    token: slack.botToken,
    appToken: slack.appToken,
    socketMode: true,
    clientOptions: { slackApiUrl: slack.apiUrl },
    logLevel: LogLevel.ERROR,
  });
}

describe('the Slack double', () => {
  it('brings a command through Socket Mode, and again after the socket was cut', async () => {
    const app = socketApp();
    const heard: string[] = [];
    app.command('/migrate', async ({ ack, command, say }) => {
      await ack();
      heard.push(command.text);
      await say(`heard ${command.text}`);
    });
    await app.start();
    await slack.connected();
    expect(await slack.command('high vm-1', BY, null)).toMatchObject({ acknowledged: true });
    slack.disconnect(false);
    await slack.connected();
    expect(await slack.command('low vm-2', BY, null)).toMatchObject({ acknowledged: true });
    await expect.poll(() => slack.workspace.messages.length).toBe(2);
    expect(heard).toEqual(['high vm-1', 'low vm-2']);
    await app.stop();
  });

  it('says so where the app acknowledges too late', async () => {
    const app = socketApp();
    app.command('/migrate', async () => {});
    await app.start();
    await slack.connected();
    const { acknowledged, tookMs } = await slack.command('high vm-1', BY, null);
    expect(acknowledged).toBe(false);
    expect(tookMs).toBeGreaterThanOrEqual(2900);
    await app.stop();
  });

  it('refuses blocks beyond its limits, and posts that come too fast', async () => {
    const { client } = socketApp();
    const section = (text: string) => ({ type: 'section' as const, text: { type: 'mrkdwn' as const, text } });
    const post = (blocks: ReturnType<typeof section>[]) =>
      client.chat.postMessage({ channel: 'C1', text: 'x', blocks });
    await expect(post([section('x'.repeat(3001))])).rejects.toMatchObject({ data: { error: 'invalid_blocks' } });
    await expect(post(Array.from({ length: 51 }, () => section('x')))).rejects.toMatchObject({
      data: { error: 'invalid_blocks' },
    });
    const button = { type: 'button' as const, action_id: 'a', text: { type: 'plain_text' as const, text: 'a' } };
    const twice = { type: 'actions' as const, elements: [button, button] };
    await expect(client.chat.postMessage({ channel: 'C1', text: 'x', blocks: [twice] })).rejects.toMatchObject({
      data: { error: 'invalid_blocks' },
    });
    await expect(post(Array.from({ length: 5 }, () => section('x'.repeat(2800))))).rejects.toMatchObject({
      data: { error: 'msg_blocks_too_long' },
    });
    await expect(post([section('x')])).resolves.toMatchObject({ ok: true });
    const before = slack.calls.length;
    await Promise.all(Array.from({ length: 3 }, () => post([section('x')])));
    expect(slack.calls.slice(before).some(({ status }) => status === 429)).toBe(true);
    expect(slack.workspace.messages).toHaveLength(4);
  });
});
