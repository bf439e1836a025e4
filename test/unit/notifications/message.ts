/** A message as Nova's Python writes it, with the spaces of json.dumps, and what surrounds the payload. */
export interface MessageOptions {
  serverId: string;
  eventType: string;
  publisher?: string;
  /** oslo.messaging's driver `messaging`: no envelope. */
  format?: '1.0' | '2.0';
}

export function novaMessage({ serverId, eventType, publisher, format = '2.0' }: MessageOptions): Buffer {
  const notification = {
    message_id: '1d8c2c2e-8f4f-4c7c-9c46-1d2b6a3e7f10',
    publisher_id: publisher ?? 'nova-compute:compute-1',
    event_type: eventType,
    priority: 'INFO',
    payload: {
      'nova_object.data': { ...INSTANCE, uuid: serverId },
      'nova_object.name': 'InstanceActionPayload',
      'nova_object.namespace': 'nova',
      'nova_object.version': '1.8',
    },
    timestamp: '2026-01-01 00:00:00.000000',
    ...CONTEXT,
    _unique_id: '8f5a1c0d6e4b4b0a9f7a',
  };
  const inner = python(notification);
  return Buffer.from(format === '1.0' ? inner : python({ 'oslo.version': '2.0', 'oslo.message': inner }));
}

/** nova/notifications/objects/instance.py, with what else has an id of that form. */
const INSTANCE = {
  action_initiator_project: '6f70656e737461636b20342065766572',
  block_devices: [],
  display_name: 'some "server"',
  flavor: {
    'nova_object.data': { flavorid: 'a22d5517-147c-4147-a0d1-e698df5cd4e3', extra_specs: {}, memory_mb: 512 },
    'nova_object.name': 'FlavorPayload',
  },
  host: 'compute-1',
  image_uuid: '155d900f-4e14-4e4c-a73d-069cbf4541e6',
  ip_addresses: [{ 'nova_object.data': { port_uuid: 'ce531f90-199f-48c0-816c-13e38010b442', version: 4 } }],
  metadata: { note: 'uuid: none' },
  request_id: 'req-5b6c791d-5709-4f36-8fbe-c3e02869e35d',
  state: 'active',
  task_state: 'migrating',
};

/** Together about as long as the context of a real one. */
const CONTEXT = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`_context_${n}`, 'value '.repeat(8)]));

function python(value: unknown): string {
  return JSON.stringify(value, null, 1)
    .replace(/\n */g, (gap) => (gap === '\n' ? '' : ' '))
    .replace(/([[{]) /g, '$1');
}
