import { describe, expect, it } from 'vitest';
import { glance, parseServerEvent } from '../../../plugin/notifications/envelope.ts';
import { novaMessage } from './message.ts';

const SERVER = '178b0921-8f85-4257-88b6-2e743b5a975c';
const END = 'instance.live_migration_post.end';

describe.each(['1.0', '2.0'] as const)('a message of format %s', (format) => {
  const body = novaMessage({ serverId: SERVER, eventType: END, format });

  it('is read: server, event, and the host whose nova-compute says so', () => {
    expect(parseServerEvent(body)).toEqual({ serverId: SERVER, eventType: END, computeHost: 'compute-1' });
  });

  it('shows its server at a glance, whatever other ids it holds', () => {
    expect(glance(body)).toEqual({ serverId: SERVER });
  });
});

it('an update may be sent by any service in the name of nova-compute: it proves nothing of that host', () => {
  const body = novaMessage({ serverId: SERVER, eventType: 'instance.update' });
  expect(parseServerEvent(body)).toEqual({ serverId: SERVER, eventType: 'instance.update', computeHost: null });
});

it('what nova-api says has no compute host', () => {
  const body = novaMessage({ serverId: SERVER, eventType: 'instance.lock', publisher: 'nova-api:control' });
  expect(parseServerEvent(body)?.computeHost).toBeNull();
});

it('a notification about no server is none of a server', () => {
  const notification = { event_type: 'service.update', publisher_id: 'nova-compute:c', payload: {} };
  const body = Buffer.from(JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': JSON.stringify(notification) }));
  expect(parseServerEvent(body)).toBeNull();
  expect(glance(body)).toBe('other');
  const group = novaMessage({ serverId: SERVER, eventType: 'server_group.add_member' });
  expect(parseServerEvent(group)).toBeNull();
});

it.each([
  ['nothing', ''],
  ['bytes', '\u0000\u0001\ufffd'],
  ['cut off', novaMessage({ serverId: SERVER, eventType: END }).toString().slice(0, -40)],
  ['an envelope around no JSON', '{"oslo.version": "2.0", "oslo.message": "event_type"}'],
  ['JSON of something else', '[1, {"uuid": "x"}]'],
  ['a deep nest', `${'['.repeat(20_000)}${']'.repeat(20_000)}`],
])('garbage is told as such: %s', (_name, text) => {
  const body = Buffer.from(text);
  expect(parseServerEvent(body)).toBeNull();
  if (!text.includes(SERVER)) expect(glance(body)).toBe('garbage');
});
