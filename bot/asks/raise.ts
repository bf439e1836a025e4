import type { Priority, WhatIfAnswer } from 'drover-plugin/contract';
import type { DroverClient } from '../drover/client.ts';
import { ControlError } from '../errors.ts';
import { approvalReason } from '../rights/approval.ts';
import { lossOf } from '../rights/loss.ts';
import type { Approval } from '../rights/schema.ts';
import type { Ask, AskedVm } from './ask.ts';
import { movesOf } from './look.ts';

/** What another priority for what waits or runs would change. */
export interface RaiseForeseen {
  /** Null: nobody can tell, `missing` says why. */
  answer: WhatIfAnswer | null;
  missing: string | null;
  /** Why it takes a second person; null: it takes none. */
  needed: string | null;
}

/** What takes a second person's word when it is asked for takes it when it is raised to that, too. */
export async function foreseeRaise(
  { wish }: Pick<Ask, 'wish'>,
  vms: readonly AskedVm[],
  to: Priority,
  approval: Approval,
  drover: DroverClient,
): Promise<RaiseForeseen> {
  const priorities = vms.flatMap(({ migration }) => (migration ? [{ id: migration.id, priority: to }] : []));
  const { answer, missing } = await drover
    .whatIf({ migrations: [], priorities })
    .then((told) => ({ answer: told, missing: null }))
    .catch((error: unknown) => {
      if (!(error instanceof ControlError)) throw error;
      return { answer: null, missing: error.message };
    });
  const needed = approvalReason(approval, {
    priority: to,
    foreseenPriorities: [],
    drains: wish.kind === 'drain' ? wish.host : null,
    moves: movesOf(vms, wish),
    // One that is not in the answer has ended since, or nobody knows what becomes of it.
    loss: answer && answer.migrations.length === vms.length ? lossOf(answer) : null,
  });
  return { answer, missing, needed };
}
