import { z } from 'zod';

/** What one of Nova's services says of a server. */
export interface ServerEvent {
  serverId: string;
  /** Nova's name of it, e.g. `instance.live_migration_post.end`. */
  eventType: string;
  /** Host whose nova-compute says so itself; null: another service. */
  computeHost: string | null;
}

/** oslo.messaging's format 2.0 (driver `messagingv2`): JSON in JSON. Format 1.0 has no envelope. */
const Envelope = z.object({ 'oslo.message': z.string() });

/** nova/notifications/objects/base.py, NotificationBase; the payload is nova/notifications/objects/instance.py's. */
const Notification = z.object({
  event_type: z.string(),
  /** `nova-compute:compute-1` */
  publisher_id: z.string(),
  payload: z.object({ 'nova_object.data': z.object({ uuid: z.string() }) }),
});

const COMPUTE = 'nova-compute:';

/** Null: it is no versioned notification about a server. */
export function parseServerEvent(body: Buffer): ServerEvent | null {
  const parsed = Notification.safeParse(unwrapped(body));
  if (!parsed.success) return null;
  const { event_type: eventType, publisher_id: publisher, payload } = parsed.data;
  if (!eventType.startsWith('instance.')) return null;
  // An update is sent by whoever saves the server, nova-conductor for one, and all the same in the name of nova-compute
  // (nova/objects/instance.py, save; nova/notifications/base.py).
  const own = publisher.startsWith(COMPUTE) && eventType !== 'instance.update';
  const computeHost = own ? publisher.slice(COMPUTE.length) : null;
  return { serverId: payload['nova_object.data'].uuid, eventType, computeHost };
}

function unwrapped(body: Buffer): unknown {
  try {
    const outer: unknown = JSON.parse(body.toString());
    const envelope = Envelope.safeParse(outer);
    return envelope.success ? JSON.parse(envelope.data['oslo.message']) : outer;
  } catch {
    return null;
  }
}

/** Quotes of the inner JSON have a backslash before them. Only a server's own id has the bare key `uuid`. */
const SERVER_ID = /\\?"uuid\\?": ?\\?"([0-9a-f]{8}-[0-9a-f-]{27})\\?"/;
const EVENT_TYPE = /\\?"event_type\\?": ?\\?"[a-z_]+\./;

/**
 * What a message is about, without reading all of it: 6 us instead of 26 us for one of 5 KB, which is what a flood of
 * other servers' messages costs.
 *
 * @returns the id that it names first, `other` for a notification without one, `garbage` for anything else
 */
export function glance(body: Buffer): { serverId: string } | 'other' | 'garbage' {
  const text = body.toString('latin1');
  const serverId = SERVER_ID.exec(text)?.[1];
  if (!EVENT_TYPE.test(text)) return 'garbage';
  return serverId === undefined ? 'other' : { serverId };
}
