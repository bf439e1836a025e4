import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Channel, type ChannelModel, connect, credentials } from 'amqplib';
import type { NotificationSettings } from './settings.ts';

const CONNECT_WITHIN_MS = 10_000;
/** A broker that is cut off is noticed after two of them. */
const HEARTBEAT_S = 10;
/** What is not fetched for so long is of no use any more: whoever waits has asked Nova meanwhile. */
const MESSAGE_TTL_MS = 30_000;
/** Beyond it the oldest are dropped: a Drover that hangs does not fill the broker. */
const QUEUE_LENGTH = 10_000;

/** @throws Error of the socket, of TLS or of the broker (403: user or password; 530: no such vhost) */
export async function openBroker(broker: URL, settings: NotificationSettings): Promise<ChannelModel> {
  const { passwordFile, ca } = settings;
  const password = readFileSync(passwordFile, 'utf8').trim();
  const hostname = broker.hostname.replace(/^\[|\]$/g, '');
  const model = await connect(
    {
      protocol: broker.protocol.replace(':', ''),
      hostname,
      ...(broker.port === '' ? {} : { port: Number(broker.port) }),
      vhost: broker.pathname === '' || broker.pathname === '/' ? '/' : decodeURIComponent(broker.pathname.slice(1)),
      heartbeat: HEARTBEAT_S,
    },
    {
      timeout: CONNECT_WITHIN_MS,
      noDelay: true,
      credentials: credentials.plain(decodeURIComponent(broker.username), password),
      clientProperties: { connection_name: 'drover' },
      ...(ca === undefined ? {} : { ca: [readFileSync(ca)] }),
    },
  );
  // `close` tells what it was; without a listener it would end the process.
  model.on('error', () => {});
  return model;
}

/**
 * A queue of one's own that takes a copy of what goes through Nova's exchange: nobody else misses a message for it. It
 * is gone with its connection, so nothing piles up while nobody listens. The exchange is used as it stands, durable or
 * not; that it is there is Nova's business.
 *
 * The user needs: configure `^drover\.`, write `^drover\.`, read `^(drover\..*|nova)$`.
 *
 * @throws Error `code` 404: no such exchange; 403: not permitted
 */
export async function declareOwnQueue(
  channel: Channel,
  { exchange, topics }: Pick<NotificationSettings, 'exchange' | 'topics'>,
): Promise<string> {
  await channel.checkExchange(exchange);
  const { queue } = await channel.assertQueue(`drover.notifications.${randomUUID()}`, {
    exclusive: true,
    autoDelete: true,
    durable: false,
    messageTtl: MESSAGE_TTL_MS,
    maxLength: QUEUE_LENGTH,
    overflow: 'drop-head',
  });
  // The last part of the routing key is the priority: `info`, and `error` of what went wrong.
  for (const topic of topics) await channel.bindQueue(queue, exchange, `${topic}.*`);
  return queue;
}
