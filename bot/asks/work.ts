import type { MigrationRequest } from 'drover-plugin/contract';
import type { Logger } from 'pino';
import type { Audit } from '../audit.ts';
import { slipOf } from '../command/slip.ts';
import type { DroverClient } from '../drover/client.ts';
import { ControlError, describeError } from '../errors.ts';
import type { People } from '../people.ts';
import { type Ask, type AskedVm, hasEnded, type Refusal } from './ask.ts';
import type { Asks } from './asks.ts';
import { approvalOf, type Rules } from './foresee.ts';
import { approvingOf, deedOf, lookFor, movesOf } from './look.ts';
import { carryOut } from './orders.ts';
import { approversFor, refusalOf } from './refusal.ts';
import { inTurns } from './turns.ts';
import { askedVms } from './vms.ts';

export interface WorkParts {
  asks: Asks;
  drover: DroverClient;
  people: People;
  rules: Rules;
  audit: Audit;
  giveUpAfterMs: number;
  /** What was written down before survives power loss, too. */
  flushed: () => Promise<void>;
  log: Logger;
}

const AGAIN_MS = [500, 1000, 2000, 5000, 10_000] as const;
const AT_ONCE = 4;
/** A request that was not answered has been taken by then, or will not be. */
const UNSETTLED_MS = 20_000;
const MOST_ASKS_AT_ONCE = 6;

/**
 * Carries each ask on: reads what it is and makes the next step with the control API, again and again until nothing is
 * left to do. What the control API does not answer is tried again; that an answer was lost changes nothing, as each
 * request carries a key of its ask and server.
 */
export class Work {
  readonly #parts: WorkParts;
  readonly #wanted = new Set<string>();
  readonly #atWork = new Map<string, Promise<void>>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** When each was last asked for whose answer is not known, by its key. */
  readonly #askedAtMs = new Map<string, number>();
  readonly #startedAtMs = Date.now();
  #stopped = false;

  constructor(parts: WorkParts) {
    this.#parts = parts;
  }

  /** Something changed, or the control API is back. */
  wake(id: string): void {
    if (this.#stopped) return;
    this.#wanted.add(id);
    this.#pump();
  }

  /** Without waiting for the next attempt. */
  wakeAll(): void {
    for (const { id } of this.#parts.asks.running()) this.wake(id);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await Promise.all(this.#atWork.values());
  }

  #pump(): void {
    for (const id of this.#wanted) {
      if (this.#stopped || this.#atWork.size >= MOST_ASKS_AT_ONCE) return;
      if (this.#atWork.has(id)) continue;
      this.#wanted.delete(id);
      clearTimeout(this.#timers.get(id));
      this.#timers.delete(id);
      const work = this.#step(id).finally(() => {
        this.#atWork.delete(id);
        this.#pump();
      });
      this.#atWork.set(id, work);
    }
  }

  async #step(id: string): Promise<void> {
    const ask = this.#parts.asks.get(id);
    if (!ask || hasEnded(ask)) return this.#calm(id);
    try {
      if (ask.state === 'received') await this.#find(ask);
      if (ask.state === 'submitting') await this.#submit(ask);
      if (ask.state === 'submitting' || ask.state === 'following') await carryOut(ask.id, this.#parts);
      this.#calm(id);
    } catch (error) {
      const isNo = error instanceof ControlError && !error.isPassing && ask.state === 'received';
      if (!isNo) return this.#again(ask, error);
      this.#calm(id);
      await this.#turnedDown(ask, error).catch((again: unknown) => this.#again(ask, again));
    }
  }

  /** The control API takes no such request, however often it is asked. */
  async #turnedDown(ask: Ask, { code, message: text }: ControlError): Promise<void> {
    await this.#parts.asks.happen(ask.id, { kind: 'refused', text });
    this.#parts.audit.note(ask.askedBy, 'ask', ask.id, code, { text: ask.text, why: text });
  }

  #calm(id: string): void {
    this.#failures.delete(id);
  }

  async #again(ask: Ask, error: unknown): Promise<void> {
    const { asks, log, giveUpAfterMs } = this.#parts;
    const failures = (this.#failures.get(ask.id) ?? 0) + 1;
    this.#failures.set(ask.id, failures);
    const text = describeError(error);
    if (failures === 1) log.warn({ ask: ask.id, error: text }, 'an ask is carried on later');
    const againMs = AGAIN_MS[Math.min(failures, AGAIN_MS.length) - 1] ?? AGAIN_MS[0];
    this.#timers.set(
      ask.id,
      setTimeout(() => this.wake(ask.id), againMs),
    );
    if (!(error instanceof ControlError) || ask.state === 'following') return;
    // Not what is behind it: where the control API stands is nobody's business in a channel.
    const untilMs = (ask.approval?.atMs ?? ask.askedAtMs) + giveUpAfterMs;
    await asks.happen(ask.id, { kind: 'waits', text: error.message, untilMs }).catch(() => {});
  }

  /** Which servers are meant, and may they move? */
  async #find(ask: Ask): Promise<void> {
    const { asks, drover, people, rules, audit, giveUpAfterMs } = this.#parts;
    if (Date.now() > ask.askedAtMs + giveUpAfterMs) {
      const text = 'Drover did not answer in time; nothing was moved. Ask again.';
      await asks.happen(ask.id, { kind: 'expired', text });
      audit.note(ask.askedBy, 'ask', ask.id, 'expired', { text: ask.text });
      return;
    }
    // Before they are told which servers there are.
    const unseen = await refusalOf(rules.rights, people, ask.askedBy, { act: 'look' });
    if (unseen !== null) return this.#forbidden(ask, unseen);
    const meant = await lookFor(ask.wish, drover);
    if (meant.kind === 'wrong') {
      const slip = slipOf(ask.text, meant.unknown ?? []);
      const choices = meant.nearest ?? [];
      await asks.happen(ask.id, { kind: 'refused', text: meant.texts.join('\n'), choices, slip });
      audit.note(ask.askedBy, 'ask', ask.id, 'server-unknown', { text: ask.text, why: meant.texts });
      return;
    }
    if (meant.kind === 'ambiguous') {
      await asks.happen(ask.id, { kind: 'ambiguous', choices: meant.choices });
      return;
    }
    const { servers, note } = meant;
    const moves = movesOf(servers, ask.wish);
    const refusal = await refusalOf(rules.rights, people, ask.askedBy, deedOf(ask.wish, moves));
    if (refusal !== null) return this.#forbidden(ask, refusal);
    const needed = await approvalOf(ask, servers, rules, drover);
    const approval = needed && { ...needed, ...(await approversFor(rules, people, approvingOf(ask, moves))) };
    await asks.happen(ask.id, { kind: 'resolved', vms: askedVms(servers), approval, note });
    const vms = servers.map(({ id }) => id);
    audit.note(ask.askedBy, 'ask', ask.id, approval ? 'awaits-approval' : 'accepted', { text: ask.text, vms });
  }

  async #forbidden(ask: Ask, why: string): Promise<void> {
    const { asks, audit } = this.#parts;
    await asks.happen(ask.id, { kind: 'refused', text: why });
    audit.note(ask.askedBy, 'ask', ask.id, 'forbidden', { text: ask.text, why });
  }

  async #submit(ask: Ask): Promise<void> {
    const { asks, drover, giveUpAfterMs, flushed } = this.#parts;
    // From when it may be handed over: a second person may have taken their time.
    const fromMs = ask.approval?.atMs ?? ask.askedAtMs;
    if (Date.now() > fromMs + giveUpAfterMs) return this.#giveUp(ask);
    const open = ask.vms.filter(({ submission }) => submission === 'pending' || submission === 'asked');
    if (open.some(({ cancel }) => cancel !== null)) await this.#lookUp(ask);
    const wanted = asks.get(ask.id)?.vms.filter((vm) => isToAsk(vm)) ?? [];
    await asks.happen(ask.id, { kind: 'asking', vmIds: wanted.map((vm) => vm.id) });
    await flushed();
    await inTurns(wanted, AT_ONCE, async ({ id }) => {
      const vm = asks.get(ask.id)?.vms.find((each) => each.id === id);
      // Withdrawn meanwhile.
      if (!vm || !isToAsk(vm)) return;
      const key = keyOf(ask, vm);
      this.#askedAtMs.set(key, Date.now());
      try {
        const migration = await drover.migrate(requestOf(ask, vm));
        this.#askedAtMs.delete(key);
        await asks.happen(ask.id, { kind: 'accepted', vmId: id, migration });
      } catch (error) {
        if (!(error instanceof ControlError) || error.isPassing) throw error;
        await this.#refused(ask, vm, { code: error.code, text: error.message.replaceAll(vm.id, vm.name) });
      }
    });
    await asks.happen(ask.id, { kind: 'waits', text: null });
  }

  async #refused(ask: Ask, vm: AskedVm, refusal: Refusal): Promise<void> {
    await this.#parts.asks.happen(ask.id, { kind: 'vm-refused', vmId: vm.id, refusal });
    this.#parts.audit.note(ask.askedBy, 'migrate', vm.id, refusal.code, { ask: ask.id, text: refusal.text });
  }

  /** Which of those whose answer is not known the control API has; what it has not is not asked for any more. */
  async #lookUp(ask: Ask, refusal: Refusal = { code: 'withdrawn', text: 'withdrawn' }): Promise<void> {
    const { asks, drover } = this.#parts;
    const taken = new Map((await drover.group(ask.id)).map((migration) => [migration.vmUuid, migration]));
    for (const vm of asks.get(ask.id)?.vms ?? []) {
      const migration = taken.get(vm.id);
      const isOpen = vm.submission === 'pending' || vm.submission === 'asked';
      if (!isOpen) continue;
      if (migration) await asks.happen(ask.id, { kind: 'accepted', vmId: vm.id, migration });
      else if (vm.cancel !== null || refusal.code !== 'withdrawn') {
        const askedAtMs = this.#askedAtMs.get(keyOf(ask, vm)) ?? (vm.submission === 'asked' ? this.#startedAtMs : 0);
        // The plugin may still be at work on a request whose answer nobody waited for.
        if (Date.now() - askedAtMs < UNSETTLED_MS) throw new ControlError('unsettled', 'it is not settled yet', true);
        await this.#refused(ask, vm, refusal);
      }
    }
  }

  /** Only with the control API's word: it may have taken what it did not answer. */
  async #giveUp(ask: Ask): Promise<void> {
    await this.#lookUp(ask, { code: 'expired', text: 'Drover did not answer in time: ask again' });
  }
}

function isToAsk({ submission, cancel }: AskedVm): boolean {
  return (submission === 'pending' || submission === 'asked') && cancel === null;
}

function keyOf({ id }: Ask, vm: AskedVm): string {
  return `${id} ${vm.id}`;
}

/** The same ask and server give the same request, whenever it is made: the key stands for these very words. */
function requestOf(ask: Ask, vm: AskedVm): MigrationRequest {
  const { destination, priority, deadlineAtMs, startAtMs } = ask.wish;
  return {
    vm: vm.id,
    ...(destination === null ? {} : { destination }),
    ...(priority === null ? {} : { priority }),
    ...(deadlineAtMs === null ? {} : { deadlineAtMs }),
    ...(startAtMs === null ? {} : { notBeforeAtMs: startAtMs }),
    idempotencyKey: keyOf(ask, vm),
    requester: `slack:${ask.askedBy}${ask.approval?.by ? ` approved by slack:${ask.approval.by}` : ''}`,
    group: ask.id,
  };
}
