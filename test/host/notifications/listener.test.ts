import { execFile } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import axios from 'axios';
import { type Logger, pino } from 'pino';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { probeNotifications } from '../../../plugin/check/probe/notifications.ts';
import type { ServerEvent } from '../../../plugin/notifications/envelope.ts';
import { NotificationListener } from '../../../plugin/notifications/listener.ts';
import { NotificationSettings } from '../../../plugin/notifications/settings.ts';
import { renderIni } from '../../lab/config/ini.ts';
import { PluginStage } from '../../plugin/stage.ts';
import { novaMessage } from '../../unit/notifications/message.ts';
import { Broker } from './broker.ts';
import { Relay } from './relay.ts';

const OURS = '178b0921-8f85-4257-88b6-2e743b5a975c';
const OTHER = '278b0921-8f85-4257-88b6-2e743b5a975c';
const END = 'instance.live_migration_post.end';
const KEY = 'versioned_notifications.info';
const WITHIN = { timeout: 60_000, interval: 20 };

const broker = new Broker();
let nova: ChannelModel;
let channel: ConfirmChannel;
/** Messages that reached no queue. */
let unrouted = 0;

beforeAll(async () => {
  await broker.start();
  nova = await connect(`amqp://nova:secret@127.0.0.1:${broker.port}`);
  channel = await nova.createConfirmChannel();
  // As oslo.messaging declares it by default.
  await channel.assertExchange('nova', 'topic', { durable: false });
  channel.on('return', () => {
    unrouted += 1;
  });
  // Erlang alone takes ten seconds of an idle processor.
}, 150_000);
afterAll(async () => {
  await nova?.close();
  broker.stop();
});

async function publish(body: Buffer, exchange = 'nova'): Promise<void> {
  channel.publish(exchange, KEY, body, { mandatory: true });
  await channel.waitForConfirms();
}

interface Ear {
  listener: NotificationListener;
  heard: ServerEvent[];
  /** Messages of log lines that warn. */
  warnings: string[];
  /** How often it began to listen. */
  begun: () => number;
}

interface EarOptions {
  port?: number;
  user?: string;
  password?: string;
  vhost?: string;
  exchange?: string;
}

function listen({ port = broker.port, user = 'drover', password = 'secret', vhost = '', exchange }: EarOptions): Ear {
  const passwordFile = join(broker.folder, `password-${user}`);
  writeFileSync(passwordFile, `${password}\n`);
  const heard: ServerEvent[] = [];
  const warnings: string[] = [];
  let begun = 0;
  const log: Logger = pino({ level: 'warn' }, { write: (line: string) => warnings.push(JSON.parse(line).msg) });
  const url = `amqp://${user}@127.0.0.1:${port}/${vhost}`;
  const listener = new NotificationListener({
    settings: NotificationSettings.parse({ url, passwordFile, ...(exchange === undefined ? {} : { exchange }) }),
    watched: () => new Set([OURS]),
    told: (event) => heard.push(event),
    listening: () => {
      begun += 1;
    },
    log,
  });
  listener.start();
  onTestFinished(() => listener.stop());
  return { listener, heard, warnings, begun: () => begun };
}

const connected = (ear: Ear) => expect.poll(() => ear.listener.figures.connected, WITHIN).toBe(true);

test('tells of watched servers only, takes nothing from others that listen, and leaves nothing behind', async () => {
  const copies: string[] = [];
  const { queue } = await channel.assertQueue('versioned_notifications.info', { durable: false });
  await channel.bindQueue(queue, 'nova', KEY);
  const { consumerTag } = await channel.consume(queue, (message) => copies.push(String(message?.fields.routingKey)), {
    noAck: true,
  });
  const ear = listen({});
  await connected(ear);
  expect(ear.listener.problem).toBeNull();
  const sentAtMs = Date.now();
  await publish(novaMessage({ serverId: OTHER, eventType: END }));
  await publish(novaMessage({ serverId: OURS, eventType: END }));
  await expect.poll(() => ear.heard, WITHIN).toEqual([{ serverId: OURS, eventType: END, computeHost: 'compute-1' }]);
  console.log(`told ${Date.now() - sentAtMs} ms after it was sent`);
  await expect.poll(() => copies.length, WITHIN).toBe(2);
  expect(Object.fromEntries(ear.listener.figures.messages)).toEqual({ watched: 1, other: 1, garbage: 0 });
  expect(ear.listener.trust.tells('compute-1')).toBe(true);

  await ear.listener.stop();
  expect(ear.listener.trust.tells('compute-1')).toBe(false);
  await channel.cancel(consumerTag);
  await channel.deleteQueue(queue);
  // Its queue is gone: what is sent now reaches nobody.
  const before = unrouted;
  await expect
    .poll(async () => {
      await publish(novaMessage({ serverId: OURS, eventType: END }));
      return unrouted - before;
    }, WITHIN)
    .toBeGreaterThan(0);
});

test('what Nova itself sends through oslo.messaging is understood, and its own queue is left as it is', async () => {
  const ear = listen({});
  await connected(ear);
  const conf = join(broker.folder, 'nova.conf');
  const sections = {
    DEFAULT: { transport_url: `rabbit://nova:secret@127.0.0.1:${broker.port}/` },
    oslo_messaging_notifications: { driver: 'messagingv2' },
    notifications: { notification_format: 'versioned' },
  };
  writeFileSync(conf, renderIni(sections));
  const script = join(import.meta.dirname, 'nova-notify.py');
  await promisify(execFile)('/usr/bin/python3', [script, conf, 'compute-7', OURS, 'live_migration_post', 'end']);
  await expect.poll(() => ear.heard, WITHIN).toEqual([{ serverId: OURS, eventType: END, computeHost: 'compute-7' }]);
  // oslo.messaging makes a queue for the topic: Drover took a copy, not the message.
  expect((await channel.deleteQueue('versioned_notifications.info')).messageCount).toBe(1);
});

test.each<[string, EarOptions, RegExp]>([
  ['a wrong password', { password: 'wrong' }, /does not let drover in: mend notifications.url or passwordFile/],
  ['no right to bind', { user: 'unbound' }, /unbound may not declare its queue or bind it to nova: rabbitmqctl/],
  ['another vhost', { vhost: 'closed' }, /drover may not use this vhost/],
  ['no such vhost', { vhost: 'none' }, /drover may not use this vhost, or there is none/],
  ['no broker', { port: 9 }, /127.0.0.1:9: .*ECONNREFUSED/],
])('%s is told with what to do, and logged once however often it is tried', async (_name, options, problem) => {
  const ear = listen(options);
  await expect.poll(() => ear.listener.figures.failures, WITHIN).toBeGreaterThanOrEqual(2);
  expect(ear.listener.problem).toMatch(problem);
  expect(ear.warnings).toHaveLength(1);
  expect(ear.listener.trust.tells('compute-1')).toBe(false);
});

test('an exchange that is missing is waited for, and no exchange is made', async () => {
  const ear = listen({ user: 'nova', exchange: 'later' });
  await expect.poll(() => ear.listener.problem, WITHIN).toMatch(/has no exchange later/);
  // With Nova's own arguments: it would fail if Drover had made it.
  await channel.assertExchange('later', 'topic', { durable: true });
  await connected(ear);
  await publish(novaMessage({ serverId: OURS, eventType: END }), 'later');
  await expect.poll(() => ear.heard.length, WITHIN).toBe(1);
  expect(ear.listener.problem).toBeNull();
});

test('a connection that is lost comes back by itself, and says that it listens again', async () => {
  const relay = new Relay(broker.port);
  await relay.mend();
  const ear = listen({ port: relay.port });
  await connected(ear);
  await publish(novaMessage({ serverId: OURS, eventType: END }));
  await expect.poll(() => ear.listener.trust.tells('compute-1'), WITHIN).toBe(true);
  relay.cut();
  await expect.poll(() => ear.listener.problem, WITHIN).toMatch(/no notifications of Nova's: 127.0.0.1/);
  expect(ear.listener.trust.tells('compute-1')).toBe(false);
  await relay.mend();
  onTestFinished(() => relay.cut());
  await connected(ear);
  expect(ear.begun()).toBe(2);
  await publish(novaMessage({ serverId: OURS, eventType: 'instance.delete.end' }));
  await expect.poll(() => ear.heard.at(-1)?.eventType, WITHIN).toBe('instance.delete.end');
  expect(ear.listener.trust.tells('compute-1')).toBe(true);
});

test('drover-plugin check tells whether it may listen, and whether Nova has ever sent anything', async () => {
  const passwordFile = join(broker.folder, 'password-check');
  writeFileSync(passwordFile, 'secret');
  const probe = (user: string) => {
    const url = `amqp://${user}@127.0.0.1:${broker.port}/`;
    return probeNotifications(NotificationSettings.parse({ url, passwordFile }));
  };
  const seen = { broker: `127.0.0.1:${broker.port}`, exchange: 'nova' };
  const queue = { name: 'versioned_notifications.info', messages: null, consumers: 0 };
  expect(await probe('drover')).toEqual([{ ...seen, error: null, queues: [queue] }]);
  // As oslo.messaging does with the first notification.
  await channel.assertQueue(queue.name, { durable: false });
  await channel.bindQueue(queue.name, 'nova', queue.name);
  await publish(novaMessage({ serverId: OTHER, eventType: END }));
  expect(await probe('drover')).toEqual([{ ...seen, error: null, queues: [{ ...queue, messages: 1 }] }]);
  await channel.deleteQueue(queue.name);
  expect(await probe('unbound')).toMatchObject([{ error: expect.stringContaining('may not declare its queue') }]);
});

test('the plugin asks Nova at once when a migration that it follows is told to end', async () => {
  const stage = await PluginStage.build({ hosts: ['compute-1', 'compute-2'], machines: 4 });
  onTestFinished(() => stage.stop());
  const { cloud, plugin } = stage;
  await plugin.prepare();
  const settings = { url: `amqp://drover@127.0.0.1:${broker.port}/`, passwordFile: 'rabbit-password' };
  writeFileSync(join(plugin.folder, 'rabbit-password'), 'secret');
  appendFileSync(join(plugin.folder, 'plugin.yaml'), stringify({ notifications: settings }));
  await stage.start();
  const socketPath = join(plugin.folder, 'control.sock');
  const metrics = async () =>
    String((await axios.get('http://control/metrics', { socketPath, proxy: false, responseType: 'text' })).data);
  await expect.poll(metrics, WITHIN).toMatch(/^drover_plugin_notifications_connected 1$/m);
  const [serverId = ''] = stage.machines;
  const source = cloud.machines.machines.get(serverId)?.host ?? '';
  cloud.onMoment = (moment) => {
    const body = novaMessage({ serverId, eventType: END, publisher: `nova-compute:${source}` });
    if (moment === 'ended') channel.publish('nova', KEY, body);
  };
  expect((await stage.send(serverId)).status).toBe(202);
  await expect.poll(async () => (await plugin.newest())[0]?.state, WITHIN).toBe('completed');
  expect(await metrics()).toMatch(/^drover_plugin_notifications_total\{kind="watched"\} 1$/m);
  expect(await metrics()).toMatch(/^drover_plugin_migration_questions_total\{pace="told"\} [1-9]/m);
  expect(await plugin.health()).toEqual({ status: 'ok', problems: [] });
}, 120_000);

test('garbage is left out, counted and told of once; what comes after it is heard', async () => {
  const ear = listen({});
  await connected(ear);
  const bad = ['', 'x', '{"oslo.message": 1}', '\u0000'.repeat(5000), '['.repeat(10_000)];
  for (const text of [...bad, ...bad]) await publish(Buffer.from(text));
  await publish(novaMessage({ serverId: OURS, eventType: END }));
  await expect.poll(() => ear.heard.length, WITHIN).toBe(1);
  expect(ear.listener.figures.messages.get('garbage')).toBe(10);
  expect(ear.warnings).toHaveLength(1);
});

test('a flood of other servers costs little, and the one message that matters is heard through it', async () => {
  const ear = listen({});
  await connected(ear);
  const count = 10_000;
  const script = join(import.meta.dirname, 'flood-child.ts');
  const before = process.cpuUsage();
  const flood = promisify(execFile)(process.execPath, [script, String(broker.port), String(count), '10000']);
  await expect.poll(() => ear.listener.figures.messages.get('other'), WITHIN).toBeGreaterThan(count / 4);
  const sentAtMs = Date.now();
  for (let n = 0; n < 100; n += 1) channel.publish('nova', KEY, novaMessage({ serverId: OURS, eventType: END }));
  await expect.poll(() => ear.heard.length, { ...WITHIN, interval: 5 }).toBeGreaterThan(0);
  const heardMs = Date.now() - sentAtMs;
  const { stdout } = await flood;
  await expect.poll(() => ear.listener.figures.messages.get('watched'), WITHIN).toBeGreaterThan(0);
  const { user, system } = process.cpuUsage(before);
  const other = ear.listener.figures.messages.get('other') ?? 0;
  const perMessageUs = (user + system) / other;
  const tookMs = JSON.parse(stdout).tookMs;
  console.log(
    `${other} of ${count} messages in ${Math.round(tookMs)} ms: ${perMessageUs.toFixed(0)} us of CPU each; heard after ${heardMs} ms; ${ear.heard.length} hints of 100`,
  );
  // A hundred of one server are told as one or a few.
  expect(ear.heard.length).toBeLessThan(10);
  expect(perMessageUs).toBeLessThan(300);
});
