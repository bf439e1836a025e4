import type { Priority } from 'drover-plugin/contract';
import type { Ask } from '../asks/ask.ts';
import type { Asks } from '../asks/asks.ts';
import type { Rules } from '../asks/foresee.ts';
import { approvingOf, movesOf } from '../asks/look.ts';
import { raisable } from '../asks/next.ts';
import { foreseeRaise } from '../asks/raise.ts';
import { refusalOf } from '../asks/refusal.ts';
import type { Audit } from '../audit.ts';
import type { Content } from '../channel/content.ts';
import type { DroverClient } from '../drover/client.ts';
import type { Along } from '../journal/journal.ts';
import type { People } from '../people.ts';
import * as answers from './answers.ts';

export interface RaiseParts {
  asks: Asks;
  drover: DroverClient;
  people: People;
  rules: Rules;
  audit: Audit;
}

/** Another priority for what waits or runs: what it would change is shown first, to the one who clicks alone. */
export class Raise {
  readonly #parts: RaiseParts;

  constructor(parts: RaiseParts) {
    this.#parts = parts;
  }

  /** Gives what to say to the one who clicks; null: the message shows it. */
  async ofAsk(ask: Ask, to: Priority, user: string, isConfirmed: boolean, along: Along): Promise<Content | null> {
    const { asks, drover, people, rules, audit } = this.#parts;
    const vms = raisable(ask, to);
    const moves = movesOf(vms, ask.wish);
    const deed = { act: 'raise' as const, askedBy: ask.askedBy, priority: to, moves };
    const refusal = await refusalOf(rules.rights, people, user, deed);
    if (refusal !== null) return this.#refused(ask, user, refusal);
    if (vms.length === 0) return this.#tooLate(ask, to, user);
    const foreseen = await foreseeRaise(ask, vms, to, rules.approval, drover);
    const approving = approvingOf({ wish: { ...ask.wish, priority: to }, askedBy: ask.askedBy }, moves);
    const barred = foreseen.needed === null ? null : await refusalOf(rules.rights, people, user, approving);
    if (barred !== null) return this.#refused(ask, user, answers.raiseBarred(to, foreseen, barred, Date.now()));
    if (!isConfirmed) {
      audit.note(user, 'raise', ask.id, 'foreseen', { to, needed: foreseen.needed });
      return answers.raise(ask, to, foreseen, Date.now());
    }
    const result = await asks.happen(ask.id, { kind: 'raise', by: user, to }, along);
    if (!result?.changed) return this.#tooLate(ask, to, user);
    audit.note(user, 'raise', ask.id, 'accepted', { to, needed: foreseen.needed });
    return null;
  }

  #refused(ask: Ask, user: string, why: string): Content {
    this.#parts.audit.note(user, 'raise', ask.id, 'forbidden', { why });
    return answers.refused(why);
  }

  #tooLate(ask: Ask, to: Priority, user: string): Content {
    this.#parts.audit.note(user, 'raise', ask.id, 'too-late', { to });
    return answers.tooLate(`nothing of it can be raised to ${to} any more`);
  }
}
