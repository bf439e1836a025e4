import type { Audit } from '../audit.ts';
import type { DroverClient } from '../drover/client.ts';
import { ControlError } from '../errors.ts';
import { isFinal } from './ask.ts';
import type { Asks } from './asks.ts';
import { inTurns } from './turns.ts';

export interface OrderParts {
  asks: Asks;
  drover: DroverClient;
  audit: Audit;
}

const AT_ONCE = 4;

/** Cancels and changed priorities that the control API has not heard yet. */
export async function carryOut(id: string, { asks, drover, audit }: OrderParts): Promise<void> {
  const vms = asks.get(id)?.vms ?? [];
  for (const order of ['cancel', 'raise'] as const) {
    const open = vms.filter((vm) => vm[order]?.outcome === null && vm.migration !== null);
    await inTurns(open, AT_ONCE, async (vm) => {
      if (!vm.migration || isFinal(vm.migration)) {
        await asks.happen(id, { kind: 'ordered', order, vmId: vm.id, outcome: 'done' });
        return;
      }
      const by = vm[order]?.by ?? '';
      const number = String(vm.migration.id);
      try {
        const migration = await (order === 'cancel'
          ? drover.cancel(vm.migration.id)
          : drover.setPriority(vm.migration.id, vm.raise?.to ?? 'high'));
        await asks.happen(id, { kind: 'ordered', order, vmId: vm.id, outcome: 'done' });
        await asks.happen(id, { kind: 'news', migration });
        audit.note(by, order, number, 'done', { ask: id, vm: vm.id });
      } catch (error) {
        if (!(error instanceof ControlError)) throw error;
        // It is being started right now: a second later it can be ended.
        if (error.isPassing || error.code === 'migration-not-begun') throw error;
        const outcome = error.code === 'migration-ended' ? 'done' : { code: error.code, text: error.message };
        await asks.happen(id, { kind: 'ordered', order, vmId: vm.id, outcome });
        audit.note(by, order, number, error.code, { ask: id, vm: vm.id, text: error.message });
      }
    });
  }
}
