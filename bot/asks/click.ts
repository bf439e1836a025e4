/** What can be clicked in the bot's messages: `action_id` of the element and its `value`. Pure. */

/**
 * | action_id     | value                                   | does                                                     |
 * |---------------|-----------------------------------------|----------------------------------------------------------|
 * | ask.cancel    | ask                                     | ends all that has not ended (confirm)                    |
 * | vm.cancel     | ask, server                             | ends that one (confirm)                                  |
 * | ask.raise     | ask, priority                           | shows the one who clicks what that priority would change  |
 * | ask.raise-now | ask, priority                           | gives all that has not ended that priority               |
 * | ask.why       | ask                                     | shows the one who clicks the reasons of the decisions     |
 * | ask.approve   | ask                                     | the second person says yes (confirm)                     |
 * | ask.turn-down | ask                                     | the second person says no                                |
 * | ask.choose    | ask, server, number of the choice       | of several servers of one name, this one (static_select: value of its option; or button) |
 * | form.open     | nothing                                 | opens the form                                           |
 * | home.refresh  | nothing                                 | shows the home anew                                      |
 *
 * Where several elements of one block have the same action_id, Slack wants them distinct: put anything behind a colon
 * (`vm.cancel:3`); `readAction` leaves it out.
 */
export const ACTIONS = [
  'ask.cancel',
  'vm.cancel',
  'ask.raise',
  'ask.raise-now',
  'ask.why',
  'ask.approve',
  'ask.turn-down',
  'ask.choose',
  'form.open',
  'home.refresh',
] as const;
export type Action = (typeof ACTIONS)[number];

/** `callback_id` of the form; its `private_metadata` is the channel that the ask goes to. */
export const FORM = 'migrate-form';

/** Null: none of the bot's. */
export function readAction(actionId: string): Action | null {
  const [name] = actionId.split(':');
  return ACTIONS.find((each) => each === name) ?? null;
}

/** The value of an element, at most 150 characters in an option: ids of an ask and of a server have 36 each. */
export function writeValue(...parts: string[]): string {
  return parts.join(' ');
}

export function readValue(value: string): string[] {
  return value.split(' ');
}
