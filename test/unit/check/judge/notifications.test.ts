import { expect, it } from 'vitest';
import { type BrokerFacts, judgeNotifications } from '../../../../plugin/check/judge/notifications.ts';

const facts = (change: Partial<BrokerFacts>): BrokerFacts => ({
  ...{ broker: 'rabbit-1:5672', exchange: 'nova', error: null },
  queues: [{ name: 'versioned_notifications.info', messages: 3, consumers: 1 }],
  ...change,
});
const judged = (...brokers: BrokerFacts[]) =>
  judgeNotifications(brokers).map(({ check, state, found }) => `${state} ${check} ${found}`);

it('a broker that lets it listen, and a Nova that sends, are in order', () => {
  expect(judged(facts({}))).toEqual([
    'ok notifications.broker rabbit-1:5672: takes a queue on the exchange nova',
    'ok notifications.nova Nova sends to versioned_notifications.info (3 messages, read by 1)',
  ]);
});

it('of a cluster one that works is enough', () => {
  const gone = facts({ broker: 'rabbit-2:5672', error: 'ECONNREFUSED' });
  expect(judged(facts({}), gone)[0]).toBe('warn notifications.broker rabbit-2:5672: cannot listen');
  expect(judged(gone)).toEqual(['fail notifications.broker rabbit-2:5672: cannot listen']);
  expect(judgeNotifications([gone])[0]?.todo).toContain('ECONNREFUSED');
});

it('a Nova that never sent one is told of, with what nova.conf needs', () => {
  const [, nova] = judgeNotifications([facts({ queues: [{ name: 'v.info', messages: null, consumers: 0 }] })]);
  expect(nova).toMatchObject({ state: 'warn', found: 'no queue v.info: Nova has sent no notification there' });
  expect(nova?.todo).toContain('notification_format = versioned');
  expect(nova?.todo).toContain('driver = messagingv2');
});

it('messages that nobody reads pile up in the queue that oslo.messaging makes', () => {
  const [, nova] = judgeNotifications([facts({ queues: [{ name: 'v.info', messages: 5000, consumers: 0 }] })]);
  expect(nova).toMatchObject({ state: 'warn', found: '5000 messages pile up in v.info: nobody reads it' });
  expect(nova?.todo).toContain(`set_policy drover '^v\\.info$'`);
});
