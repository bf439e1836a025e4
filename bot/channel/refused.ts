import { type Form, shorterForm } from './shorten.ts';

/** What can still be done with a message to which Slack said no. */
export type WayOut =
  | { kind: 'shorter'; form: Form }
  | { kind: 'elsewhere'; channel: string }
  /** It is posted once more, as what was posted cannot be changed. */
  | { kind: 'anew' }
  | { kind: 'none' };

export interface Attempt {
  form: Form;
  /** Nothing will be said after it. */
  isFinal: boolean;
  isPosted: boolean;
  /** Who is written to instead of the channel; null: nobody, or it goes there already. */
  elsewhere: string | null;
}

const KEPT_OUT = ['not_in_channel', 'channel_not_found', 'is_archived', 'restricted_action', 'user_not_in_channel'];
/** It was deleted, or may not be changed any more. */
const FIXED = ['message_not_found', 'cant_update_message', 'edit_window_closed'];

/**
 * The way out that is left; each is taken once. Pure.
 *
 * | Slack says            | of                            | way out                          |
 * |-----------------------|-------------------------------|----------------------------------|
 * | `msg_blocks_too_long` | all of it                     | shorter                          |
 * | `not_in_channel`      | what is not posted, or is last | to its asker                    |
 * | `message_not_found`   | the last that is to be said   | posted anew, if it has an asker  |
 * | `message_not_found`   | what is said on the way       | none: the next is tried          |
 */
export function wayOut(code: string, { form, isFinal, isPosted, elsewhere }: Attempt): WayOut {
  const shorter = shorterForm(form, code);
  if (shorter !== null) return { kind: 'shorter', form: shorter };
  if (elsewhere === null) return { kind: 'none' };
  if ((!isPosted || isFinal) && KEPT_OUT.includes(code)) return { kind: 'elsewhere', channel: elsewhere };
  return isPosted && isFinal && FIXED.includes(code) ? { kind: 'anew' } : { kind: 'none' };
}
