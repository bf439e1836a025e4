import type { MigrationEvent } from 'drover-plugin/contract';
import type { Ask, AskedVm } from './ask.ts';

/** One line of the thread below an ask's message. Pure; nothing in it is escaped yet. */
export interface Line {
  /** Name of the server; null: all of the ask. */
  vm: string | null;
  text: string;
  /** Slack user who did it. */
  by: string | null;
}

/** In the thread of an ask of more servers than this stands only what the message does not show at once. */
const MOST_IN_FULL = 10;
/** Each of them on its way, as expected: codes of the control API's reasons. */
const USUAL = ['asked', 'received', 'batch-window', 'submitted', 'running'];

/** What the thread tells of a change; `events` of the migration that there is news of. */
export function linesOf(before: Ask, after: Ask, events: readonly MigrationEvent[] = []): Line[] {
  const isLong = after.vms.length > MOST_IN_FULL;
  const told = isLong ? events.filter(({ reason }) => !USUAL.includes(reason.code)) : events;
  const known = new Map(before.vms.map((vm) => [vm.id, vm]));
  const lines = after.vms.flatMap((vm) => {
    const old = known.get(vm.id);
    return old && old !== vm ? linesOfVm(old, vm, told) : [];
  });
  const { approval } = after;
  if (approval?.verdict && !before.approval?.verdict) {
    lines.unshift({ vm: null, text: approval.verdict === 'approved' ? 'approved' : 'turned down', by: approval.by });
  }
  return lines;
}

function linesOfVm(before: AskedVm, vm: AskedVm, events: readonly MigrationEvent[]): Line[] {
  const lines: Line[] = [];
  const add = (text: string, by: string | null = null) => lines.push({ vm: vm.name, text, by });
  if (vm.cancel && vm.cancel !== before.cancel && vm.cancel.outcome === null) add('cancelled', vm.cancel.by);
  if (vm.raise && vm.raise !== before.raise && vm.raise.outcome === null) add(`priority ${vm.raise.to}`, vm.raise.by);
  for (const order of ['cancel', 'raise'] as const) {
    const outcome = vm[order]?.outcome;
    if (outcome && outcome !== 'done' && before[order]?.outcome === null) add(outcome.text);
  }
  if (vm.refusal && !before.refusal) add(`not asked for: ${vm.refusal.text}`);
  for (const { id, migrationId, state, reason } of events) {
    if (id > before.toldEvent && migrationId === vm.migration?.id) add(`${state}: ${reason.text}`);
  }
  return lines;
}
