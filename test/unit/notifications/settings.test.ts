import { describe, expect, it } from 'vitest';
import { brokersOf, NotificationSettings } from '../../../plugin/notifications/settings.ts';

const URL = 'amqp://drover@10.0.0.1:5672/';

describe('notifications', () => {
  it('has Nova’s own defaults', () => {
    expect(NotificationSettings.parse({ url: URL, passwordFile: 'p' })).toEqual({
      url: URL,
      passwordFile: 'p',
      exchange: 'nova',
      topics: ['versioned_notifications'],
    });
  });

  it('takes a cluster, by TLS and by IPv6', () => {
    const url = ['amqps://drover@rabbit-1:5671/nova', 'amqps://drover@[2001:db8::1]/%2Fnova'];
    const settings = NotificationSettings.parse({ url, passwordFile: 'p', ca: 'ca.crt' });
    expect(brokersOf(settings).map(({ host }) => host)).toEqual(['rabbit-1:5671', '[2001:db8::1]']);
  });

  it.each([
    ['http://drover@h/', 'Invalid URL'],
    ['amqp://drover:secret@h/', 'holds a password'],
    ['amqp://h/', 'names no user'],
    ['amqp://drover@h/?heartbeat=0', 'takes no parameters'],
  ])('refuses %s: %s', (url, problem) => {
    const parsed = NotificationSettings.safeParse({ url, passwordFile: 'p' });
    expect(parsed.error?.issues.flatMap((issue) => JSON.stringify(issue)).join()).toContain(problem);
  });
});
