import type { Reason } from '../../contract.ts';
import type { Policy } from '../../policy/schema.ts';
import { ADMITTED_WITHIN_MS, type QueuedMigration } from './world.ts';

/**
 * When each migration's batch is decided: a batch opens with the first arrival and takes in what follows in the window.
 * It stays open for those that arrived within it, or would have opened it, and are still being admitted (Keystone, Nova and Placement are asked), for
 * a second at most: an urgent one is not overtaken by what came just before it because Keystone was slow.
 */
export function batchEnds(
  byArrival: readonly QueuedMigration[],
  arriving: readonly number[],
  windowMs: number,
): Map<number, number> {
  const ends = new Map<number, number>();
  let [closesAtMs, decidedAtMs] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { id, receivedAtMs } of byArrival) {
    if (receivedAtMs > closesAtMs) {
      closesAtMs = receivedAtMs + windowMs;
      const isAwaited = arriving.some((atMs) => receivedAtMs - windowMs <= atMs && atMs <= closesAtMs);
      decidedAtMs = closesAtMs + (isAwaited ? ADMITTED_WITHIN_MS : 0);
    }
    ends.set(id, decidedAtMs);
  }
  return ends;
}

export function batchReason(policy: Policy): Reason {
  return { code: 'batch-window', text: `what arrives within ${policy.batchWindowMs} ms is decided together` };
}
