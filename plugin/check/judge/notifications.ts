import { type Finding, fail, ok, warn } from 'drover-hostd/check/finding';

/** The queue that oslo.messaging makes for a topic, whether anybody reads it or not. */
export interface TopicQueue {
  name: string;
  /** Null: there is none. */
  messages: number | null;
  consumers: number;
}

/** What one broker made of an attempt to listen. */
export interface BrokerFacts {
  broker: string;
  exchange: string;
  /** With what to do about it. */
  error: string | null;
  queues: TopicQueue[];
}

/** More than that pile up because nobody fetches them. */
const MANY_MESSAGES = 1000;

export const NOVA_CONF = `[notifications] notification_format = versioned (or both), notify_on_state_change = vm_and_task_state; [oslo_messaging_notifications] driver = messagingv2: on every compute host, and where nova-api and nova-conductor run`;

/** Whether notifications come; they are never needed, so that the worst is a warning while one broker works. */
export function judgeNotifications(brokers: readonly BrokerFacts[]): Finding[] {
  const working = brokers.filter(({ error }) => error === null);
  const [first] = working;
  const findings = brokers.flatMap(({ broker, error }) => {
    if (error === null) return [];
    const say = first ? warn : fail;
    return [
      say('notifications.broker', `${broker}: cannot listen`, `${error}. Without it Nova is asked at intervals.`),
    ];
  });
  if (!first) return findings;
  const names = working.map(({ broker }) => broker).join(', ');
  const listens = ok('notifications.broker', `${names}: takes a queue on the exchange ${first.exchange}`);
  return [...findings, listens, ...first.queues.map(judgeTopic)];
}

/**
 * | the topic's own queue               | finding |
 * |-------------------------------------|---------|
 * | is missing: Nova never sent one     | warn    |
 * | is long, and nobody reads it        | warn    |
 * | otherwise                           | ok      |
 */
function judgeTopic({ name, messages, consumers }: TopicQueue): Finding {
  if (messages === null) {
    return warn(
      'notifications.nova',
      `no queue ${name}: Nova has sent no notification there`,
      `nova.conf: ${NOVA_CONF}.`,
    );
  }
  if (messages > MANY_MESSAGES && consumers === 0) {
    const policy = `rabbitmqctl set_policy drover '^${name.replaceAll('.', '\\.')}$' '{"message-ttl": 60000}' --apply-to queues`;
    const todo = `oslo.messaging makes this queue for every topic, and Drover does not read it. Let them expire: ${policy}`;
    return warn('notifications.nova', `${messages} messages pile up in ${name}: nobody reads it`, todo);
  }
  const read = consumers === 0 ? 'read by nobody else' : `read by ${consumers}`;
  return ok('notifications.nova', `Nova sends to ${name} (${messages} messages, ${read})`);
}
