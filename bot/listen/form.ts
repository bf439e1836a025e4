import type { Logger } from 'pino';
import type { Audit } from '../audit.ts';
import type { SlackApi } from '../channel/slack.ts';
import { describeError } from '../errors.ts';
import * as answers from './answers.ts';
import { FormPayload } from './heard.ts';
import type { Inbox } from './inbox.ts';

export interface FormParts {
  slack: SlackApi;
  inbox: Inbox;
  /** Whether they may look; else why not. */
  refusal: (user: string) => Promise<string | null>;
  audit: Audit;
  log: Logger;
}

/** The form for those who do not know the syntax; what it says becomes the words of a command. */
export class Form {
  readonly #parts: FormParts;

  constructor(parts: FormParts) {
    this.#parts = parts;
  }

  async open(triggerId: string, user: string, channel: string): Promise<void> {
    const { slack, refusal, audit, log } = this.#parts;
    // Where Slack does not say who they are it opens all the same: what it asks for is checked again.
    const why = await refusal(user).catch(() => null);
    const view = why === null ? answers.form(channel) : answers.formRefused(why);
    audit.note(user, 'form', null, why === null ? 'accepted' : 'forbidden', why === null ? {} : { why });
    try {
      await slack.call('views.open', { trigger_id: triggerId, view });
    } catch (error) {
      log.warn({ user, error: describeError(error) }, 'the form cannot be opened');
    }
  }

  /** What to acknowledge with: nothing, or what is wrong at which field. */
  async submit(payload: unknown, signature: string | null): Promise<object | undefined> {
    const { user, view } = FormPayload.parse(payload);
    // Its times are moments, whatever the clock of whoever picked them; and Slack is not asked before it has its answer.
    const read = answers.readForm(view.state.values, { nowMs: Date.now(), timeZone: 'UTC' });
    if ('errors' in read) return { response_action: 'errors', errors: read.errors };
    const channel = view.private_metadata === '' ? user.id : view.private_metadata;
    const heard = { kind: 'command' as const, user: user.id, channel, responseUrl: null, text: read.text };
    const taken = await this.#parts.inbox.take(`form:${view.id}:${view.hash}`, heard, signature);
    if (taken === 'taken') return undefined;
    return { response_action: 'errors', errors: { [read.firstBlock]: answers.unwritten(taken === 'lost') } };
  }
}
