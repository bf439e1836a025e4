/**
 * A modal as Slack's client shows it and fills it in, for a terminal: one line a field, what the app said is wrong below
 * it, and the state that a submission carries (docs.slack.dev/reference/interaction-payloads/view-interactions-payload).
 * Pure.
 */
import { DateTime } from 'luxon';
import type { Reader } from './terminal.ts';

export interface Option {
  text: { text: string };
  value: string;
}

/** What a submission says of one field. */
export type FieldState =
  | { type: 'plain_text_input'; value: string | null }
  | { type: 'static_select'; selected_option: Option | null }
  | { type: 'datetimepicker'; selected_date_time: number | null };
/** By block and action. */
export type State = Readonly<Record<string, Readonly<Record<string, FieldState>>>>;

interface Field {
  block: string;
  label: string;
  hint: string | null;
  isOptional: boolean;
  element: {
    type: FieldState['type'];
    action_id: string;
    placeholder?: { text: string };
    initial_value?: string;
    initial_option?: Option;
    initial_date_time?: number;
    options?: Option[];
    max_length?: number;
  };
}

type View = Readonly<Record<string, unknown>>;

/** As it is when it opens. */
export function initialState(view: View): State {
  return Object.fromEntries(
    fieldsOf(view).map(({ block, element }) => [block, { [element.action_id]: empty(element) }]),
  );
}

/**
 * The state with a field filled in by what was typed; nothing typed empties it.
 *
 * | field             | typed                                  |
 * |-------------------|----------------------------------------|
 * | plain_text_input  | the text                               |
 * | static_select     | an option, or how it begins            |
 * | datetimepicker    | `18:00` (today), `2026-12-01 06:00`    |
 *
 * @throws Error that says what the client lets one choose
 */
export function filledIn(view: View, state: State, name: string, typed: string, reader: Reader): State {
  const fields = fieldsOf(view);
  const field = fields.find(({ block }) => block === name);
  if (!field) throw new Error(`there is no field ${name}: ${fields.map(({ block }) => block).join(', ')}`);
  const { block, element } = field;
  return { ...state, [block]: { [element.action_id]: typed === '' ? blank(element) : chosen(element, typed, reader) } };
}

/** What the client itself does not let through, by block. */
export function missing(view: View, state: State): Record<string, string> {
  const without = fieldsOf(view).filter(({ block, isOptional, element }) => {
    const field = state[block]?.[element.action_id];
    return !isOptional && (!field || contentOf(field) === null);
  });
  return Object.fromEntries(without.map(({ block }) => [block, 'Please complete this required field.']));
}

export function shownModal(
  view: View,
  state: State,
  errors: Readonly<Record<string, string>>,
  reader: Reader,
): string[] {
  const title = (view.title as { text: string } | undefined)?.text ?? '';
  const rows = fieldsOf(view).flatMap(({ block, label, hint, isOptional, element }) => {
    const field = state[block]?.[element.action_id];
    const value = field ? shownValue(field, reader) : null;
    const blankText = element.placeholder ? `(${element.placeholder.text})` : '(empty)';
    const choice = element.options ? `  one of: ${element.options.map(({ text }) => text.text).join(', ')}` : '';
    return [
      `${label}${isOptional ? ' (optional)' : ''}`,
      `  ${block}: ${value ?? blankText}${choice}`,
      ...(hint ? [`  ${hint}`] : []),
      ...(errors[block] ? [`  ✗ ${errors[block]}`] : []),
    ];
  });
  return [`┌ ${title} ${'─'.repeat(Math.max(2, 40 - title.length))}`, ...rows.map((row) => `│ ${row}`), '└'];
}

function fieldsOf(view: View): Field[] {
  const blocks = (view.blocks ?? []) as {
    type: string;
    block_id: string;
    label: { text: string };
    hint?: { text: string };
    optional?: boolean;
    element: Field['element'];
  }[];
  return blocks
    .filter(({ type }) => type === 'input')
    .map(({ block_id: block, label, hint, optional, element }) => ({
      block,
      label: label.text,
      hint: hint?.text ?? null,
      isOptional: optional ?? false,
      element,
    }));
}

function empty(element: Field['element']): FieldState {
  switch (element.type) {
    case 'plain_text_input':
      return { type: element.type, value: element.initial_value ?? null };
    case 'static_select':
      return { type: element.type, selected_option: element.initial_option ?? null };
    case 'datetimepicker':
      return { type: element.type, selected_date_time: element.initial_date_time ?? null };
  }
}

function blank({ type }: Field['element']): FieldState {
  return empty({ type, action_id: '' });
}

function chosen(
  { type, options = [], max_length: most = 3000 }: Field['element'],
  typed: string,
  reader: Reader,
): FieldState {
  switch (type) {
    case 'plain_text_input':
      if (typed.length > most) throw new Error(`at most ${most} characters`);
      return { type, value: typed };
    case 'static_select': {
      const option = options.find(({ text, value }) => text.text.startsWith(typed) || value === typed);
      if (!option) throw new Error(`choose one of: ${options.map(({ text }) => text.text).join(', ')}`);
      return { type, selected_option: option };
    }
    case 'datetimepicker':
      return { type, selected_date_time: momentOf(typed, reader) };
  }
}

function momentOf(typed: string, { timeZone, nowMs }: Reader): number {
  const today = DateTime.fromMillis(nowMs, { zone: timeZone }).toISODate();
  const iso = /^\d{1,2}:\d{2}$/.test(typed) ? `${today}T${typed.padStart(5, '0')}` : typed.replace(' ', 'T');
  const at = DateTime.fromISO(iso, { zone: timeZone });
  if (!at.isValid) throw new Error('pick a time, as 18:00, or a day and a time, as 2026-12-01 06:00');
  return Math.floor(at.toSeconds());
}

function contentOf(field: FieldState): unknown {
  if (field.type === 'plain_text_input') return field.value;
  return field.type === 'static_select' ? field.selected_option : field.selected_date_time;
}

function shownValue(field: FieldState, { timeZone }: Reader): string | null {
  if (field.type === 'plain_text_input') return field.value;
  if (field.type === 'static_select') return field.selected_option?.text.text ?? null;
  if (field.selected_date_time === null) return null;
  return DateTime.fromSeconds(field.selected_date_time, { zone: timeZone }).toFormat('yyyy-MM-dd HH:mm');
}
