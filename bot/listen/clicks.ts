import { Priority } from 'drover-plugin/contract';
import type { Ask } from '../asks/ask.ts';
import type { Asks } from '../asks/asks.ts';
import { readAction, readValue } from '../asks/click.ts';
import type { Rules } from '../asks/foresee.ts';
import { approvingOf, deedOf, movesOf } from '../asks/look.ts';
import { refusalOf } from '../asks/refusal.ts';
import type { Audit } from '../audit.ts';
import type { Content } from '../channel/content.ts';
import type { Replies } from '../channel/replies.ts';
import { ControlError } from '../errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { People } from '../people.ts';
import type { Deed } from '../rights/may.ts';
import * as answers from './answers.ts';
import type { Cancel } from './cancel.ts';
import type { Heard } from './heard.ts';
import type { Raise } from './raise.ts';

export interface ClickParts {
  asks: Asks;
  journal: Journal;
  people: People;
  replies: Replies;
  rules: Rules;
  audit: Audit;
  cancel: Cancel;
  raise: Raise;
}

/** Clicks on the messages of asks. Whether somebody may is looked up at each of them. */
export class Clicks {
  readonly #parts: ClickParts;

  constructor(parts: ClickParts) {
    this.#parts = parts;
  }

  async handle(heard: Extract<Heard, { kind: 'click' }>, delivery: string, atMs: number): Promise<void> {
    const { asks, journal, replies } = this.#parts;
    const { user, channel, responseUrl } = heard;
    const action = readAction(heard.action);
    const [id = '', second = '', third = ''] = readValue(heard.value);
    const ask = await asks.find(id);
    const act = async () => (ask ? this.#act(action, ask, second, third, user, delivery) : this.#gone(user, heard));
    const say = await act().catch((error: unknown) => {
      if (error instanceof ControlError) return answers.trouble(error);
      throw error;
    });
    if (say) await replies.insist({ user, channel, responseUrl, atMs }, say);
    await journal.done(delivery);
  }

  #gone(user: string, { action, value }: { action: string; value: string }): Content {
    this.#parts.audit.note(user, action, value, 'too-late');
    return answers.tooLate('it is too old');
  }

  /** Gives what to say to the one who clicked; null: the message shows it. */
  async #act(
    action: ReturnType<typeof readAction>,
    ask: Ask,
    second: string,
    third: string,
    user: string,
    delivery: string,
  ): Promise<Content | null> {
    switch (action) {
      case 'ask.cancel':
        return this.#parts.cancel.ofAsk(ask, null, user, { delivery });
      case 'vm.cancel':
        return this.#parts.cancel.ofAsk(ask, second, user, { delivery });
      case 'ask.raise':
      case 'ask.raise-now': {
        const to = Priority.safeParse(second);
        if (!to.success) return null;
        return this.#parts.raise.ofAsk(ask, to.data, user, action === 'ask.raise-now', { delivery });
      }
      case 'ask.approve':
      case 'ask.turn-down':
        return this.#decide(ask, action === 'ask.approve', user, delivery);
      case 'ask.choose':
        return this.#choose(ask, second, third, user, delivery);
      case 'ask.why':
        return this.#why(ask, user);
      default:
        return null;
    }
  }

  async #why(ask: Ask, user: string): Promise<Content> {
    const refusal = await this.#refusal(user, { act: 'look' });
    if (refusal !== null) return this.#refused(user, 'why', ask, refusal);
    this.#parts.audit.note(user, 'why', ask.id, 'accepted');
    return answers.why(ask, Date.now());
  }

  async #decide(ask: Ask, isApproved: boolean, user: string, delivery: string): Promise<Content | null> {
    const { asks, audit, people, rules } = this.#parts;
    const { wish, askedBy } = ask;
    const moves = movesOf(ask.vms, wish);
    const action = isApproved ? 'approve' : 'turn-down';
    const refusal = await this.#refusal(user, approvingOf(ask, moves));
    if (refusal !== null) return this.#refused(user, action, ask, refusal);
    if (isApproved) {
      // They may have left their group since they asked.
      const lost = await refusalOf(rules.rights, people, askedBy, deedOf(wish, moves), 'they');
      if (lost !== null) return this.#refused(user, action, ask, `who asked for it may not any more: ${lost}`);
    }
    const kind = isApproved ? ('approved' as const) : ('turned-down' as const);
    const result = await asks.happen(ask.id, { kind, by: user }, { delivery });
    audit.note(user, action, ask.id, result?.changed ? 'accepted' : 'too-late', { askedBy });
    return result?.changed ? null : answers.tooLate('it does not wait for anybody any more');
  }

  async #choose(ask: Ask, serverId: string, index: string, user: string, delivery: string): Promise<Content | null> {
    const { asks, audit } = this.#parts;
    if (user !== ask.askedBy) return this.#refused(user, 'choose', ask, 'who asked chooses which server is meant');
    const offered = ask.choices.filter(({ servers }) => servers.some(({ id }) => id === serverId));
    const choice = ask.choices[Number(index)];
    const meant = choice && offered.includes(choice) ? choice : offered[0];
    if (!meant) return answers.tooLate('it does not wait for a choice any more');
    const happening = { kind: 'chosen' as const, pattern: meant.pattern, serverId };
    const result = await asks.happen(ask.id, happening, { delivery });
    audit.note(user, 'choose', ask.id, result?.changed ? 'accepted' : 'too-late', { serverId });
    return null;
  }

  #refusal(user: string, deed: Deed): Promise<string | null> {
    const { people, rules } = this.#parts;
    return refusalOf(rules.rights, people, user, deed);
  }

  #refused(user: string, action: string, ask: Ask, why: string): Content {
    this.#parts.audit.note(user, action, ask.id, 'forbidden', { why });
    return answers.refused(why);
  }
}
