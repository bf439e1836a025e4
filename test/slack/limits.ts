/**
 * What Slack refuses in blocks, by its reference of Block Kit (docs.slack.dev/reference/block-kit): numbers and lengths
 * of messages, views, blocks and elements that Drover's bot uses. Anything else is refused too: the double knows no more.
 */
import { z } from 'zod';

const id = z.string().min(1).max(255);
const plain = (most: number) =>
  z.strictObject({ type: z.literal('plain_text'), text: z.string().min(1).max(most), emoji: z.boolean().optional() });
const mrkdwn = (most: number) =>
  z.strictObject({ type: z.literal('mrkdwn'), text: z.string().min(1).max(most), verbatim: z.boolean().optional() });
const text = (most: number) => z.discriminatedUnion('type', [plain(most), mrkdwn(most)]);

const confirm = z.strictObject({
  title: plain(100),
  text: text(300),
  confirm: plain(30),
  deny: plain(30),
  style: z.enum(['primary', 'danger']).optional(),
});
const option = z.strictObject({ text: text(75), value: z.string().max(150), description: plain(75).optional() });

const button = z.strictObject({
  type: z.literal('button'),
  text: plain(75),
  action_id: id,
  value: z.string().max(2000).optional(),
  url: z.string().max(3000).optional(),
  style: z.enum(['primary', 'danger']).optional(),
  confirm: confirm.optional(),
  accessibility_label: z.string().max(75).optional(),
});
const staticSelect = z.strictObject({
  type: z.literal('static_select'),
  action_id: id,
  placeholder: plain(150).optional(),
  options: z.array(option).min(1).max(100),
  initial_option: option.optional(),
  confirm: confirm.optional(),
});
const overflow = z.strictObject({
  type: z.literal('overflow'),
  action_id: id,
  options: z.array(option).min(1).max(5),
  confirm: confirm.optional(),
});
const plainInput = z.strictObject({
  type: z.literal('plain_text_input'),
  action_id: id,
  placeholder: plain(150).optional(),
  initial_value: z.string().optional(),
  multiline: z.boolean().optional(),
  min_length: z.number().int().min(0).max(3000).optional(),
  max_length: z.number().int().min(1).max(3000).optional(),
});
const dateTimePicker = z.strictObject({
  type: z.literal('datetimepicker'),
  action_id: id,
  initial_date_time: z.number().int().optional(),
  confirm: confirm.optional(),
});

const block = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('section'),
      block_id: id.optional(),
      text: text(3000).optional(),
      fields: z.array(text(2000)).min(1).max(10).optional(),
      accessory: z.discriminatedUnion('type', [button, staticSelect, overflow]).optional(),
      expand: z.boolean().optional(),
    })
    .refine((section) => section.text || section.fields, 'a section needs text or fields'),
  z.strictObject({ type: z.literal('header'), block_id: id.optional(), text: plain(150) }),
  z.strictObject({ type: z.literal('divider'), block_id: id.optional() }),
  z.strictObject({ type: z.literal('context'), block_id: id.optional(), elements: z.array(text(3000)).min(1).max(10) }),
  z.strictObject({
    type: z.literal('actions'),
    block_id: id.optional(),
    elements: z
      .array(z.discriminatedUnion('type', [button, staticSelect, overflow, dateTimePicker]))
      .min(1)
      .max(25),
  }),
  z.strictObject({
    type: z.literal('input'),
    block_id: id.optional(),
    label: plain(2000),
    element: z.discriminatedUnion('type', [plainInput, staticSelect, dateTimePicker]),
    hint: plain(2000).optional(),
    optional: z.boolean().optional(),
    dispatch_action: z.boolean().optional(),
  }),
]);

const uniqueIds = (blocks: { block_id?: string | undefined }[]) => {
  const ids = blocks.flatMap(({ block_id: one }) => one ?? []);
  return new Set(ids).size === ids.length;
};
const messageBlock = block.refine(({ type }) => type !== 'input', 'a message of an app takes no input block here');
const uniqueActions = (each: object) => {
  const ids = [...JSON.stringify(each).matchAll(/"action_id":"([^"]*)"/g)].map(([, one]) => one);
  return new Set(ids).size === ids.length;
};
/** Not in the reference: about so many characters of JSON, else this (slackapi/bolt-js#2509, #2867). */
const MOST_JSON = 13_200;
export const BLOCKS_TOO_LONG = 'msg_blocks_too_long';

export const MessageBlocks = z
  .array(messageBlock.refine(uniqueActions, 'action_id must be unique in its block'))
  .max(50)
  .refine(uniqueIds, 'block_id must be unique')
  .refine((blocks) => JSON.stringify(blocks).length <= MOST_JSON, BLOCKS_TOO_LONG);

export const MessageText = z.string().max(40_000);

export const View = z
  .strictObject({
    type: z.enum(['modal', 'home']),
    callback_id: id.optional(),
    title: plain(24).optional(),
    submit: plain(24).optional(),
    close: plain(24).optional(),
    private_metadata: z.string().max(3000).optional(),
    external_id: id.optional(),
    clear_on_close: z.boolean().optional(),
    notify_on_close: z.boolean().optional(),
    blocks: z
      .array(block.refine(uniqueActions, 'action_id must be unique in its block'))
      .max(100)
      .refine(uniqueIds, 'block_id must be unique'),
  })
  .refine(({ type, title }) => (type === 'modal') === (title !== undefined), 'a modal has a title, a home none')
  .refine(
    ({ type, submit, blocks }) => type !== 'modal' || submit || blocks.every((each) => each.type !== 'input'),
    'a modal with inputs needs submit',
  );

/** All that is wrong, as Slack's `response_metadata.messages`. Empty: nothing. */
export function faultsOf(schema: z.ZodType, value: unknown): string[] {
  const parsed = schema.safeParse(value);
  if (parsed.success) return [];
  return parsed.error.issues.map(({ message, path }) => `[ERROR] ${message} [json-pointer:/${path.join('/')}]`);
}
