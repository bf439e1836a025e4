import type { MigrationEvent, MigrationRecord, Priority } from 'drover-plugin/contract';
import type { Slip } from '../command/slip.ts';
import {
  type Approval,
  type Ask,
  type AskedVm,
  type Choice,
  hasEnded,
  isFinal,
  isUnderway,
  type Order,
  type Refusal,
} from './ask.ts';

/** What happens to an ask. */
export type Happening =
  /** The control API is away; null: it is back. */
  | { kind: 'waits'; text: string | null; untilMs?: number }
  /** `choices`: servers that may have been meant instead of names that none has. */
  | { kind: 'refused'; text: string; choices?: Choice[]; slip?: Slip | null }
  | { kind: 'ambiguous'; choices: Choice[] }
  | { kind: 'chosen'; pattern: string; serverId: string }
  | {
      kind: 'resolved';
      vms: AskedVm[];
      approval: Pick<Approval, 'reason' | 'expiresAtMs' | 'who' | 'mentions' | 'outlook'> | null;
      /** What of it is left out, and why. */
      note: string | null;
    }
  | { kind: 'approved'; by: string }
  | { kind: 'turned-down'; by: string }
  /** Written down before the control API is asked. */
  | { kind: 'asking'; vmIds: readonly string[] }
  | { kind: 'accepted'; vmId: string; migration: MigrationRecord }
  | { kind: 'vm-refused'; vmId: string; refusal: Refusal }
  /** `events`: all of its own; absent where only the record was read. */
  | { kind: 'news'; migration: MigrationRecord; events?: MigrationEvent[] }
  /** Null: all of it. */
  | { kind: 'cancel'; by: string; vmId: string | null }
  | { kind: 'raise'; by: string; to: Priority }
  /** What the control API said to a cancel or to another priority. */
  | { kind: 'ordered'; order: 'cancel' | 'raise'; vmId: string; outcome: 'done' | Refusal }
  | { kind: 'expired'; text: string }
  /** Its asker knows that it was refused then. */
  | { kind: 'told'; endedAtMs: number | null }
  | { kind: 'posted'; channel: string; ts: string };

const PRIORITIES: readonly Priority[] = ['low', 'medium', 'high'];

/**
 * The ask after something happened to it. Whatever is said twice, or too late, changes nothing: then the very same ask
 * is given back. Pure.
 *
 * | state             | happens                       | becomes                                       |
 * |-------------------|-------------------------------|-----------------------------------------------|
 * | received          | ambiguous                     | choosing                                      |
 * |                   | resolved                      | awaiting-approval, or submitting              |
 * |                   | refused, expired, cancel      | refused, expired, withdrawn                   |
 * | choosing          | chosen                        | received, with that server instead of the name |
 * | refused           | chosen, of the nearest names  | received, with that server instead of the name |
 * | awaiting-approval | approved                      | submitting                                    |
 * |                   | turned-down, cancel, expired  | withdrawn, withdrawn, expired                 |
 * | submitting        | accepted, vm-refused          | following, or ended, with the last of them    |
 * |                   | cancel                        | what was not asked for is withdrawn           |
 * | following         | news of the last one's end    | ended                                         |
 */
export function next(ask: Ask, happening: Happening, nowMs: number): Ask {
  switch (happening.kind) {
    case 'posted': {
      const { channel, ts } = happening;
      if (ask.messageTs === ts) return ask;
      return { ...ask, messageChannel: channel, messageTs: ts };
    }
    case 'waits':
      if (ask.stateText === happening.text || hasEnded(ask)) return ask;
      return { ...ask, stateText: happening.text, waitsUntilMs: happening.untilMs ?? null };
    case 'refused':
      if (!isOpen(ask)) return ask;
      return {
        ...ended(ask, 'refused', happening.text, nowMs),
        choices: happening.choices ?? [],
        slip: happening.slip ?? null,
        told: false,
      };
    case 'told':
      if (ask.state !== 'refused' || ask.told !== false || ask.endedAtMs !== happening.endedAtMs) return ask;
      return { ...ask, told: true };
    case 'expired':
      return isOpen(ask) ? ended(ask, 'expired', happening.text, nowMs) : ask;
    case 'ambiguous':
      if (ask.state !== 'received') return ask;
      return { ...ask, state: 'choosing', stateText: null, choices: happening.choices };
    case 'chosen':
      return chosen(ask, happening);
    case 'resolved': {
      if (ask.state !== 'received') return ask;
      const { vms, approval, note } = happening;
      const wanted = approval ? { ...approval, by: null, atMs: null, verdict: null } : null;
      return settled(
        {
          ...ask,
          state: wanted ? 'awaiting-approval' : 'submitting',
          stateText: null,
          waitsUntilMs: null,
          note,
          choices: [],
          vms,
          approval: wanted,
        },
        nowMs,
      );
    }
    case 'approved':
    case 'turned-down': {
      const { kind: verdict, by } = happening;
      if (ask.state !== 'awaiting-approval' || !ask.approval) return ask;
      const decided = { ...ask, approval: { ...ask.approval, by, atMs: nowMs, verdict } };
      if (verdict === 'approved') return settled({ ...decided, state: 'submitting', stateText: null }, nowMs);
      return ended(decided, 'withdrawn', 'turned down', nowMs);
    }
    case 'asking':
      if (ask.state !== 'submitting') return ask;
      return changeVms(ask, nowMs, (vm) =>
        vm.submission === 'pending' && happening.vmIds.includes(vm.id) ? { ...vm, submission: 'asked' } : vm,
      );
    case 'accepted':
      return changeVms(ask, nowMs, (vm) => {
        if (vm.id !== happening.vmId || vm.submission === 'accepted') return vm;
        return { ...vm, submission: 'accepted', refusal: null, migration: happening.migration };
      });
    case 'vm-refused':
      return changeVms(ask, nowMs, (vm) => {
        if (vm.id !== happening.vmId || vm.submission === 'accepted' || vm.submission === 'refused') return vm;
        return { ...vm, submission: 'refused', refusal: happening.refusal };
      });
    case 'news':
      return changeVms(ask, nowMs, (vm) => withNews(vm, happening.migration, happening.events));
    case 'cancel':
      return cancelled(ask, happening.by, happening.vmId, nowMs);
    case 'raise':
      return raised(ask, happening.by, happening.to, nowMs);
    case 'ordered':
      return changeVms(ask, nowMs, (vm) => {
        const { order, vmId, outcome } = happening;
        const given = vm[order];
        if (vm.id !== vmId || given === null || given.outcome !== null) return vm;
        return { ...vm, [order]: { ...given, outcome } };
      });
  }
}

/** No migration was asked for yet. */
export function isOpen({ state }: Pick<Ask, 'state'>): boolean {
  return state === 'received' || state === 'choosing' || state === 'awaiting-approval';
}

function priorityOf({ raise, migration }: AskedVm, { wish }: Ask): Priority {
  return raise?.to ?? migration?.decision?.priority ?? migration?.asked?.priority ?? wish.priority ?? 'low';
}

function ended(ask: Ask, state: Ask['state'], stateText: string | null, nowMs: number): Ask {
  return { ...ask, state, stateText, waitsUntilMs: null, endedAtMs: nowMs };
}

function chosen(ask: Ask, { pattern, serverId }: { pattern: string; serverId: string }): Ask {
  const choice = ask.choices.find((each) => each.pattern === pattern);
  const isOffered = choice?.servers.some(({ id }) => id === serverId) ?? false;
  const waits = ask.state === 'choosing' || ask.state === 'refused';
  if (!waits || !isOffered || ask.wish.kind !== 'migrate') return ask;
  const targets = ask.wish.targets.map((target) =>
    target.pattern === pattern && !target.isGlob ? { pattern: serverId, isGlob: false } : target,
  );
  const choices = ask.choices.filter((each) => each !== choice);
  const changed = { ...ask, wish: { ...ask.wish, targets }, choices, slip: null };
  return choices.length > 0 ? changed : { ...changed, state: 'received', stateText: null, endedAtMs: null };
}

function cancelled(ask: Ask, by: string, vmId: string | null, nowMs: number): Ask {
  if (isOpen(ask)) return vmId === null ? ended(ask, 'withdrawn', 'withdrawn', nowMs) : ask;
  if (hasEnded(ask)) return ask;
  return changeVms(ask, nowMs, (vm) => {
    if ((vmId !== null && vm.id !== vmId) || vm.submission === 'refused') return vm;
    if (vm.submission === 'pending') {
      const refusal = { code: 'withdrawn', text: 'withdrawn before it was asked for' };
      return { ...vm, submission: 'refused', refusal, cancel: { by, atMs: nowMs, outcome: 'done' } };
    }
    const isOver = vm.migration !== null && isFinal(vm.migration);
    // One that failed may be tried again, by another click.
    const isGiven = vm.cancel !== null && (vm.cancel.outcome === null || vm.cancel.outcome === 'done');
    if (isOver || isGiven) return vm;
    return { ...vm, cancel: order(by, nowMs) };
  });
}

/** What of it waits or runs with less than that priority. */
export function raisable(ask: Ask, to: Priority): AskedVm[] {
  if (ask.state !== 'submitting' && ask.state !== 'following') return [];
  const isBelow = (vm: AskedVm) => PRIORITIES.indexOf(priorityOf(vm, ask)) < PRIORITIES.indexOf(to);
  return ask.vms.filter((vm) => isUnderway(vm) && isBelow(vm));
}

function raised(ask: Ask, by: string, to: Priority, nowMs: number): Ask {
  const vms = raisable(ask, to);
  return changeVms(ask, nowMs, (vm) => (vms.includes(vm) ? { ...vm, raise: { ...order(by, nowMs), to } } : vm));
}

function order(by: string, atMs: number): Order {
  return { by, atMs, outcome: null };
}

/** A record that is older than the known one, or the same, or of another database, is no news. */
function withNews(vm: AskedVm, migration: MigrationRecord, events: readonly MigrationEvent[] = []): AskedVm {
  if (vm.migration?.id !== migration.id || vm.id !== migration.vmUuid) return vm;
  if (isFinal(vm.migration) && !isFinal(migration)) return vm;
  const toldEvent = Math.max(vm.toldEvent, ...events.map(({ id }) => id));
  if (toldEvent === vm.toldEvent && JSON.stringify(vm.migration) === JSON.stringify(migration)) return vm;
  return { ...vm, migration, toldEvent, progress: isFinal(migration) ? null : vm.progress };
}

function changeVms(ask: Ask, nowMs: number, change: (vm: AskedVm) => AskedVm): Ask {
  const vms = ask.vms.map(change);
  if (vms.every((vm, index) => vm === ask.vms[index])) return ask;
  return settled({ ...ask, vms }, nowMs);
}

/** Submitted when every server is accepted or refused; ended when none is underway. */
function settled(ask: Ask, nowMs: number): Ask {
  if (ask.state !== 'submitting' && ask.state !== 'following') return ask;
  if (ask.vms.some(({ submission }) => submission === 'pending' || submission === 'asked')) return ask;
  if (ask.vms.some(isUnderway)) {
    return ask.state === 'following' ? ask : { ...ask, state: 'following', stateText: null, waitsUntilMs: null };
  }
  return ended(ask, 'ended', null, nowMs);
}
