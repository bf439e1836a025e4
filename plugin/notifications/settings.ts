import { z } from 'zod';

const Url = z.url({ protocol: /^amqps?$/ }).superRefine((text, context) => {
  const complain = (message: string) => context.addIssue({ code: 'custom', message });
  const { password, username, search } = new URL(text);
  if (password !== '') complain('holds a password: write it into passwordFile and take it out here');
  if (username === '') complain('names no user: amqp://USER@HOST:5672/VHOST');
  if (search !== '') complain('takes no parameters behind "?"');
});

/** Nova's versioned notifications on RabbitMQ; paths are taken relative to the configuration file. */
export const NotificationSettings = z.strictObject({
  /** `amqp://USER@HOST:5672/VHOST`, or `amqps:`; of a cluster a list: the next one is tried when one is lost. */
  url: z.union([Url, z.array(Url).min(1)]),
  /** A file that holds the password and nothing else; read again at every connection. */
  passwordFile: z.string(),
  /** PEM of the CA of the brokers' certificates, for `amqps`; default: the system's. Read again at every connection. */
  ca: z.string().optional(),
  /** Nova's `control_exchange`. */
  exchange: z.string().min(1).default('nova'),
  /** Nova's `[notifications] versioned_notifications_topics`. */
  topics: z.array(z.string().min(1)).min(1).default(['versioned_notifications']),
});
export type NotificationSettings = z.infer<typeof NotificationSettings>;

/** The brokers, in the order in which they are tried. */
export function brokersOf({ url }: Pick<NotificationSettings, 'url'>): URL[] {
  return [url].flat().map((text) => new URL(text));
}
