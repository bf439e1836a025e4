import type { types } from '@slack/bolt';
import { Priority } from 'drover-plugin/contract';
import { FORM } from '../asks/click.ts';
import type { Request } from '../command/command.ts';
import type { Clock } from '../command/moment.ts';
import { parseCommand, readTargets } from '../command/parse.ts';
import { writeCommand } from '../command/write.ts';
import { CommandError } from '../errors.ts';
import { plain, section } from './blocks.ts';
import { cutShort, oneLine } from './inert.ts';
import { md, prose } from './mrkdwn.ts';

export interface ModalView {
  type: 'modal';
  callback_id?: string;
  private_metadata?: string;
  title: types.PlainTextElement;
  submit?: types.PlainTextElement;
  close: types.PlainTextElement;
  blocks: types.KnownBlock[];
}

/** `block_id` of each field, which errors name, and `action_id` of what is in it. */
const FIELDS = ['servers', 'drain', 'priority', 'destination', 'deadline', 'start'] as const;
type Field = (typeof FIELDS)[number];
const POLICY = 'policy';

/** For those who do not know the syntax. `channel`: where the ask's message goes, empty: to its asker. */
export function form(channel: string): ModalView {
  return {
    type: 'modal',
    callback_id: FORM,
    private_metadata: channel,
    title: plain('Move servers'),
    submit: plain('Ask for it'),
    close: plain('Not now'),
    blocks: [
      input(
        'servers',
        'Servers',
        { ...textInput('servers', 'web-1 web-2 db-*'), multiline: true },
        'Names, ids or patterns, separated by spaces or commas. Quotes keep a name with spaces together.',
      ),
      input(
        'drain',
        'or all servers of a host',
        textInput('drain', 'compute-3'),
        'Its name. Leave it empty where servers are named above.',
      ),
      input('priority', 'Priority', {
        type: 'static_select',
        action_id: 'priority',
        options: [option(POLICY, 'as the policy says'), ...Priority.options.map((each) => option(each, each))],
        initial_option: option(POLICY, 'as the policy says'),
      }),
      input(
        'destination',
        'Destination',
        textInput('destination', 'compute-2'),
        'A compute host. Empty: Nova chooses.',
      ),
      input('deadline', 'Must have ended by', { type: 'datetimepicker', action_id: 'deadline' }),
      input('start', 'Not before', { type: 'datetimepicker', action_id: 'start' }),
    ],
  };
}

/** Instead of it, to somebody who may not look. */
export function formRefused(why: string): ModalView {
  const blocks = [section(md`⛔ ${prose(why, 1500)}`)];
  return { type: 'modal', title: plain('Move servers'), close: plain('Close'), blocks };
}

/** What Slack sends of each field, by block and action (docs.slack.dev, view state). */
export type FormValues = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * The words of a command that say what the form says, or what is wrong at which field.
 *
 * | servers   | host      | priority | deadline | gives                            |
 * |-----------|-----------|----------|----------|----------------------------------|
 * | web-1, db-* |         | high     |          | `high web-1 db-*`                |
 * |           | compute-3 | policy   |          | `host compute-3`                 |
 * | web-1     | compute-3 |          |          | error at the host: one or the other |
 * |           |           |          |          | error at the servers             |
 */
export function readForm(
  values: FormValues,
  clock: Clock,
): { text: string; firstBlock: string } | { errors: Record<string, string> } {
  const errors: Partial<Record<Field, string>> = {};
  const servers = textOf(values, 'servers');
  const drain = textOf(values, 'drain');
  const destination = textOf(values, 'destination');
  const deadlineAtMs = momentOf(values, 'deadline');
  const startAtMs = momentOf(values, 'start');
  const chosen = Priority.safeParse(selectedOf(values, 'priority'));
  if (servers === '' && drain === '') errors.servers = 'Which servers? Name some here, or a host below.';
  if (servers !== '' && drain !== '') errors.drain = 'Servers or a host, not both: leave one of the two empty.';
  for (const [field, name] of [
    ['drain', drain],
    ['destination', destination],
  ] as const) {
    if (name !== '' && !/^[a-zA-Z0-9-._]{1,255}$/.test(name))
      errors[field] = 'This cannot be the name of a compute host.';
  }
  if (deadlineAtMs !== null && deadlineAtMs <= clock.nowMs) errors.deadline = 'This time has passed.';
  if (startAtMs !== null && startAtMs <= clock.nowMs) errors.start = 'This time has passed.';
  if (startAtMs !== null && deadlineAtMs !== null && deadlineAtMs <= startAtMs) {
    errors.deadline = 'It must end before it may start: choose a later time.';
  }
  const wish = {
    priority: chosen.success ? chosen.data : null,
    destination: destination === '' ? null : destination,
    deadlineAtMs,
    startAtMs,
  };
  let text = '';
  try {
    const request: Request | null =
      drain !== ''
        ? { kind: 'drain', host: drain, ...wish }
        : servers === ''
          ? null
          : { kind: 'migrate', targets: readTargets(servers), ...wish };
    if (request) text = writeCommand(request);
    // What the form lets through the command must take, too.
    if (request && Object.keys(errors).length === 0) parseCommand(text, clock);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    errors[drain === '' ? 'servers' : 'drain'] ??= capital(error.message);
  }
  return Object.keys(errors).length > 0 ? { errors } : { text, firstBlock: drain === '' ? 'servers' : 'drain' };
}

type Element = types.PlainTextInput | types.StaticSelect | types.DateTimepicker;

function input(field: Field, label: string, element: Element, hint?: string): types.KnownBlock {
  return {
    type: 'input',
    block_id: field,
    label: plain(label),
    element,
    optional: field !== 'priority',
    ...(hint ? { hint: plain(hint) } : {}),
  };
}

function textInput(actionId: Field, example: string): types.PlainTextInput {
  return { type: 'plain_text_input', action_id: actionId, placeholder: plain(example), max_length: 3000 };
}

function option(value: string, text: string): types.PlainTextOption {
  return { text: plain(text), value };
}

function fieldOf(values: FormValues, field: Field): Readonly<Record<string, unknown>> {
  const value = values[field]?.[field];
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(values: FormValues, field: Field): string {
  const { value } = fieldOf(values, field);
  return typeof value === 'string' ? value.trim() : '';
}

function selectedOf(values: FormValues, field: Field): unknown {
  const selected = fieldOf(values, field).selected_option;
  return typeof selected === 'object' && selected !== null ? (selected as { value?: unknown }).value : null;
}

function momentOf(values: FormValues, field: Field): number | null {
  const { selected_date_time: seconds } = fieldOf(values, field);
  return typeof seconds === 'number' ? seconds * 1000 : null;
}

function capital(text: string): string {
  const line = cutShort(oneLine(text), 150);
  return `${line.charAt(0).toUpperCase()}${line.slice(1)}.`;
}
