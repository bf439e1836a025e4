import type { MigrationRecord } from 'drover-plugin/contract';
import { type Ask, isFinal, isUnderway } from '../asks/ask.ts';
import type { Asks } from '../asks/asks.ts';
import type { Rules } from '../asks/foresee.ts';
import { movesOf, wrongWith } from '../asks/look.ts';
import { refusalOf } from '../asks/refusal.ts';
import type { Audit } from '../audit.ts';
import type { Content } from '../channel/content.ts';
import type { DroverClient } from '../drover/client.ts';
import type { Along } from '../journal/journal.ts';
import type { People } from '../people.ts';
import * as answers from './answers.ts';

export interface CancelParts {
  asks: Asks;
  drover: DroverClient;
  people: People;
  rules: Rules;
  audit: Audit;
}

/** Ends what was asked for, by a click or by name. */
export class Cancel {
  readonly #parts: CancelParts;

  constructor(parts: CancelParts) {
    this.#parts = parts;
  }

  /** @param vmId null: all of it. Gives what to say to the one who wants it; null: the message shows it. */
  async ofAsk(ask: Ask, vmId: string | null, user: string, along: Along): Promise<Content | null> {
    const { asks, people, rules, audit } = this.#parts;
    const vms = ask.vms.filter(({ id }) => vmId === null || id === vmId);
    const moves = movesOf(vms, ask.wish);
    const deed = { act: 'cancel' as const, askedBy: ask.askedBy, priority: ask.wish.priority, moves };
    const refusal = await refusalOf(rules.rights, people, user, deed);
    if (refusal !== null) {
      audit.note(user, 'cancel', ask.id, 'forbidden', { vm: vmId, why: refusal });
      return answers.refused(refusal);
    }
    const result = await asks.happen(ask.id, { kind: 'cancel', by: user, vmId }, along);
    audit.note(user, 'cancel', ask.id, result?.changed ? 'accepted' : 'too-late', { vm: vmId });
    return result?.changed ? null : answers.tooLate('nothing of it can be cancelled any more');
  }

  async byName(target: string, user: string): Promise<Content> {
    const { asks, drover } = this.#parts;
    const isMeant = ({ id, name }: { id: string; name: string }) => id === target || name === target;
    for (const ask of asks.running()) {
      const vm = ask.vms.find((each) => isMeant(each) && (isUnderway(each) || each.submission !== 'refused'));
      if (vm && !(vm.migration && isFinal(vm.migration))) {
        const isWhole = ask.vms.length === 1;
        return (await this.ofAsk(ask, isWhole ? null : vm.id, user, {})) ?? answers.cancelled(vm.name);
      }
    }
    const running = (await drover.migrationsOf(target)).filter((migration) => !isFinal(migration));
    const [migration, ...others] = running;
    if (!migration) {
      const wrong = await wrongWith(target, drover);
      return wrong ? answers.notFound(wrong) : answers.tooLate(`nothing of ${target} waits or runs`);
    }
    if (others.length > 0) {
      return answers.tooLate(`${running.length} servers of that name are being moved: name one by its id`);
    }
    return this.#others(migration, user);
  }

  /** One that was not asked for here. */
  async #others(migration: MigrationRecord, user: string): Promise<Content> {
    const { drover, people, rules, audit } = this.#parts;
    const { id, vmName, projectId, source, destination, decision, asked } = migration;
    const askedBy = /^slack:(\w+)/.exec(asked?.requester ?? '')?.[1] ?? '';
    const moves = [{ vm: vmName, projectId, source, destination }];
    const deed = { act: 'cancel' as const, askedBy, priority: decision?.priority ?? null, moves };
    const refusal = await refusalOf(rules.rights, people, user, deed);
    if (refusal !== null) {
      audit.note(user, 'cancel', String(id), 'forbidden', { why: refusal });
      return answers.refused(refusal);
    }
    await drover.cancel(id);
    audit.note(user, 'cancel', String(id), 'accepted', { vm: vmName });
    return answers.cancelled(vmName);
  }
}
