import type { ChannelModel } from 'amqplib';
import { adviceOn } from '../../notifications/advice.ts';
import { brokersOf, type NotificationSettings } from '../../notifications/settings.ts';
import { declareOwnQueue, openBroker } from '../../notifications/subscribe.ts';
import type { BrokerFacts, TopicQueue } from '../judge/notifications.ts';

/** Listens on every broker as the plugin would, and ends that again; looks at the queues that Nova itself makes. */
export function probeNotifications(settings: NotificationSettings): Promise<BrokerFacts[]> {
  return Promise.all(brokersOf(settings).map((broker) => probeBroker(broker, settings)));
}

async function probeBroker(broker: URL, settings: NotificationSettings): Promise<BrokerFacts> {
  const facts: BrokerFacts = { broker: broker.host, exchange: settings.exchange, error: null, queues: [] };
  let model: ChannelModel | null = null;
  try {
    model = await openBroker(broker, settings);
    const channel = await model.createChannel();
    channel.on('error', () => {});
    await declareOwnQueue(channel, settings);
    for (const topic of settings.topics) facts.queues.push(await topicQueue(model, `${topic}.info`));
  } catch (error) {
    facts.error = adviceOn(error, { exchange: settings.exchange, broker });
  } finally {
    await model?.close().catch(() => {});
  }
  return facts;
}

/** oslo.messaging makes this queue when Nova sends its first notification (impl_rabbit.py, notify_send). */
async function topicQueue(model: ChannelModel, name: string): Promise<TopicQueue> {
  const channel = await model.createChannel();
  channel.on('error', () => {});
  try {
    const { messageCount, consumerCount } = await channel.checkQueue(name);
    return { name, messages: messageCount, consumers: consumerCount };
  } catch {
    return { name, messages: null, consumers: 0 };
  }
}
