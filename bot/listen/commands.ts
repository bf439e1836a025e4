import { randomUUID } from 'node:crypto';
import type { Ask } from '../asks/ask.ts';
import type { Asks } from '../asks/asks.ts';
import { type Rules, whatIf } from '../asks/foresee.ts';
import { ambiguousTexts, lookFor, wrongWith } from '../asks/look.ts';
import { refusalOf } from '../asks/refusal.ts';
import type { Audit } from '../audit.ts';
import type { Content } from '../channel/content.ts';
import type { Address, Replies } from '../channel/replies.ts';
import type { Command, Request } from '../command/command.ts';
import { parseCommand } from '../command/parse.ts';
import { slipOf } from '../command/slip.ts';
import type { DroverClient } from '../drover/client.ts';
import { CommandError, ControlError } from '../errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { People } from '../people.ts';
import * as answers from './answers.ts';
import type { Cancel } from './cancel.ts';
import type { Heard } from './heard.ts';

export interface CommandParts {
  asks: Asks;
  journal: Journal;
  drover: DroverClient;
  people: People;
  replies: Replies;
  rules: Rules;
  audit: Audit;
  cancel: Cancel;
}

/** What is typed behind `/migrate`. */
export class Commands {
  readonly #parts: CommandParts;

  constructor(parts: CommandParts) {
    this.#parts = parts;
  }

  async handle(heard: Extract<Heard, { kind: 'command' }>, delivery: string, atMs: number): Promise<void> {
    const { people, replies, journal, audit, rules } = this.#parts;
    const { user, channel, responseUrl, text } = heard;
    const to = { user, channel, responseUrl, atMs };
    const timeZone = await people.timeZone(user);
    let command: Command;
    try {
      command = parseCommand(text, { nowMs: atMs, timeZone });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      await replies.insist(to, answers.mistake(text, error));
      audit.note(user, 'command', null, 'not-understood', { text });
      return journal.done(delivery);
    }
    if (command.kind === 'migrate' || command.kind === 'drain') {
      return this.ask(command, text.trim(), to, delivery);
    }
    if (command.kind !== 'help') {
      const refusal = await refusalOf(rules.rights, people, user, { act: 'look' });
      if (refusal !== null) {
        await replies.insist(to, answers.refused(refusal));
        audit.note(user, command.kind, null, 'forbidden', { text, why: refusal });
        return journal.done(delivery);
      }
    }
    try {
      await this.#answer(command, text, to);
      audit.note(user, command.kind, null, 'accepted', { text });
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      await replies.insist(to, answers.trouble(error));
      audit.note(user, command.kind, null, error.code, { text });
    }
    await journal.done(delivery);
  }

  /** On disk with what brought it, so that it is asked once. */
  async ask(wish: Request, text: string, to: Address, delivery: string): Promise<void> {
    const ask: Ask = {
      id: randomUUID(),
      kind: wish.kind,
      text,
      wish,
      askedBy: to.user,
      channel: to.channel,
      askedAtMs: to.atMs,
      responseUrl: to.responseUrl,
      state: 'received',
      stateText: null,
      choices: [],
      approval: null,
      vms: [],
      endedAtMs: null,
      messageChannel: null,
      messageTs: null,
    };
    await this.#parts.asks.add(ask, { delivery });
  }

  async #answer(command: Exclude<Command, Request>, text: string, to: Address): Promise<void> {
    const { asks, drover, replies, cancel } = this.#parts;
    const nowMs = Date.now();
    switch (command.kind) {
      case 'help':
        return replies.insist(to, answers.help());
      case 'policy':
        return replies.insist(to, answers.policy(await drover.policy(), nowMs));
      case 'explain':
        return replies.insist(to, await this.#explained(command.target));
      case 'plan': {
        const meant = await lookFor(command.request, drover);
        if (meant.kind === 'wrong') {
          const { texts, unknown = [] } = meant;
          return replies.insist(to, answers.notFound(texts, text, slipOf(text, unknown)));
        }
        if (meant.kind === 'ambiguous') return replies.insist(to, answers.notFound(ambiguousTexts(meant.choices)));
        const answer = await whatIf(command.request, meant.servers, drover);
        return replies.insist(to, answers.plan(command.request, answer, nowMs, meant.note));
      }
      case 'status': {
        const { target } = command;
        if (target === null) {
          const own = asks.running().filter(({ askedBy }) => askedBy === to.user);
          return replies.insist(to, answers.ownStatus(own, nowMs));
        }
        const records = await (target === 'all' ? drover.unfinished() : drover.migrationsOf(target));
        const wrong = target === 'all' || records.length > 0 ? null : await wrongWith(target, drover);
        if (wrong) return replies.insist(to, answers.notFound(wrong));
        return replies.insist(to, answers.status(target, records, nowMs));
      }
      case 'cancel':
        // Not done once more because it could not be said.
        await replies.answer(to, await cancel.byName(command.target, to.user));
    }
  }

  async #explained(target: string): Promise<Content> {
    const { drover } = this.#parts;
    try {
      return answers.explain(await drover.explain(target), Date.now());
    } catch (error) {
      if (!(error instanceof ControlError) || error.isPassing) throw error;
      const wrong = await wrongWith(target, drover);
      if (wrong === null) throw error;
      return answers.notFound(wrong);
    }
  }
}
