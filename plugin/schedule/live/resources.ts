import type { Resources } from './world.ts';

const MIB = 2 ** 20;

/** What a server takes of a host where Placement has not told what it holds: its memory, as far as that is known. */
export function assumedNeeds(server: { memoryBytes: number } | undefined): Resources {
  return { MEMORY_MB: Math.ceil((server?.memoryBytes ?? 0) / MIB) };
}

/** Null: nothing is known of the host, so nothing is in the way. */
export function fits(needs: Resources, free: Resources | null): boolean {
  return free === null || lacking(needs, free).length === 0;
}

/** The classes of which there is not enough. */
export function lacking(needs: Resources, free: Resources): string[] {
  return Object.entries(needs).flatMap(([name, amount]) => ((free[name] ?? 0) < amount ? [name] : []));
}

/** `times` = -1 takes them away. A class that the host does not have stays one that it does not have. */
export function plus(free: Resources, more: Resources, times: 1 | -1 = 1): Resources {
  const sum: Record<string, number> = { ...free };
  for (const [name, amount] of Object.entries(more)) {
    if (Object.hasOwn(sum, name)) sum[name] = (sum[name] ?? 0) + times * amount;
  }
  return sum;
}

/**
 * Of these hosts the one with most memory that has room, as Nova's own weigher chooses by default
 * (nova/scheduler/weights/ram.py); one of which nothing is known before all. Null: none has room.
 */
export function roomiest(
  needs: Resources,
  among: readonly number[],
  free: readonly (Resources | null | undefined)[],
): number | null {
  let best: number | null = null;
  let most = Number.NEGATIVE_INFINITY;
  for (const host of among) {
    const own = free[host] ?? null;
    if (!fits(needs, own)) continue;
    const memory = own === null ? Number.POSITIVE_INFINITY : (own.MEMORY_MB ?? 0);
    if (best !== null && memory <= most) continue;
    best = host;
    most = memory;
  }
  return best;
}
