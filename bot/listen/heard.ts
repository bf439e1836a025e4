import { z } from 'zod';

/** What Slack's payloads say that the bot reads (docs.slack.dev: slash commands, block_actions, view_submission). */
export const CommandPayload = z.object({
  text: z.string().default(''),
  user_id: z.string(),
  channel_id: z.string(),
  response_url: z.string().optional(),
  trigger_id: z.string(),
});

const Element = z.object({
  action_id: z.string(),
  value: z.string().optional(),
  selected_option: z.object({ value: z.string() }).nullish(),
  action_ts: z.string().optional(),
});

export const ClickPayload = z.object({
  user: z.object({ id: z.string() }),
  channel: z.object({ id: z.string() }).optional(),
  container: z.object({ message_ts: z.string().optional(), view_id: z.string().optional() }).default({}),
  response_url: z.string().optional(),
  trigger_id: z.string().optional(),
  actions: z.array(Element).min(1),
});

export const FormPayload = z.object({
  user: z.object({ id: z.string() }),
  view: z.object({
    id: z.string(),
    hash: z.string().default(''),
    callback_id: z.string().default(''),
    private_metadata: z.string().default(''),
    state: z.object({ values: z.record(z.string(), z.record(z.string(), z.unknown())) }),
  }),
});

/** What is kept of a delivery until nothing is left to do for it. */
export const Heard = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('command'),
    user: z.string(),
    channel: z.string(),
    responseUrl: z.string().nullable(),
    text: z.string(),
  }),
  z.object({
    kind: z.literal('click'),
    user: z.string(),
    channel: z.string(),
    responseUrl: z.string().nullable(),
    action: z.string(),
    value: z.string(),
  }),
]);
export type Heard = z.infer<typeof Heard>;

/** The same for the same delivery, however often and by whichever way it comes. */
export function commandHeard(payload: unknown): { identity: string; heard: Heard } {
  const {
    text,
    user_id: user,
    channel_id: channel,
    response_url: url,
    trigger_id: trigger,
  } = CommandPayload.parse(payload);
  return { identity: `command:${trigger}`, heard: { kind: 'command', user, channel, responseUrl: url ?? null, text } };
}

/** A double click is two clicks: that the second changes nothing is for what it acts on to see. */
export function clickHeard(payload: unknown): {
  identity: string;
  heard: Extract<Heard, { kind: 'click' }>;
  triggerId: string;
} {
  const {
    user,
    channel,
    container,
    response_url: url,
    trigger_id: triggerId = '',
    actions,
  } = ClickPayload.parse(payload);
  const [element] = actions as [z.infer<typeof Element>];
  const value = element.selected_option?.value ?? element.value ?? '';
  const place = container.message_ts ?? container.view_id ?? '';
  const identity = [
    'click',
    channel?.id,
    place,
    user.id,
    element.action_id,
    value,
    element.action_ts ?? triggerId,
  ].join(':');
  const heard = {
    kind: 'click' as const,
    user: user.id,
    channel: channel?.id ?? user.id,
    responseUrl: url ?? null,
    action: element.action_id,
    value,
  };
  return { identity, heard, triggerId };
}
