/** Links with two HTB classes and the flows on them, filled quantum by quantum: no formula of the model is used here. */
import type { LinkReservation } from 'drover-hostd/contract';

export interface Flow {
  class: 'migration' | 'workload';
  links: readonly string[];
  /** bit/s that it takes if it gets them. */
  demand: number;
}

export interface SharedLink {
  capacity: number;
  /** Null: one queue, flows are equal. */
  reservation: LinkReservation | null;
}

/** A quantum is this share of the smallest link. */
const QUANTA = 1000;

/**
 * Max-min fair rates of all flows, link by link under HTB's rules: a class within its `rate` is served first, then the
 * lower `prio` borrows, up to `ceil`; inside a class flows take turns. Each turn gives the flow that stands first on
 * all of its links one quantum; a flow that a link can no longer serve is done.
 */
export function fill<Name extends string>(
  flows: Record<Name, Flow>,
  links: Record<string, SharedLink>,
): Record<Name, number> {
  const names = Object.keys(flows) as Name[];
  const quantum = Math.min(...Object.values(links).map(({ capacity }) => capacity)) / QUANTA;
  const rates = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  const used = new Map<string, { total: number; migration: number; workload: number }>(
    Object.keys(links).map((link) => [link, { total: 0, migration: 0, workload: 0 }]),
  );
  const open = new Set(names);
  while (open.size > 0) {
    for (const name of open) if (!serves(name)) open.delete(name);
    const next = [...open].sort((a, b) => stage(a) - stage(b) || rates[a] - rates[b])[0];
    if (next === undefined) break;
    rates[next] += quantum;
    for (const link of flows[next].links) {
      const at = used.get(link);
      if (!at) continue;
      at.total += quantum;
      at[flows[next].class] += quantum;
    }
  }
  return rates;

  function serves(name: Name): boolean {
    const flow = flows[name];
    if (rates[name] + quantum / 2 > flow.demand) return false;
    return flow.links.every((link) => {
      const [shared, at] = [links[link], used.get(link)];
      if (!shared || !at) return false;
      const ceil = shared.reservation?.[flow.class].ceilBitsPerSecond ?? shared.capacity;
      return at.total + quantum <= shared.capacity * 1.0001 && at[flow.class] + quantum <= ceil * 1.0001;
    });
  }

  /** 0: every link still owes it its guarantee; 1 and more: it borrows somewhere, by `prio`. */
  function stage(name: Name): number {
    const flow = flows[name];
    return Math.max(
      ...flow.links.map((link) => {
        const [shared, at] = [links[link], used.get(link)];
        if (!shared?.reservation || !at) return 0;
        const { rateBitsPerSecond, prio } = shared.reservation[flow.class];
        return at[flow.class] + quantum <= rateBitsPerSecond ? 0 : 1 + prio;
      }),
    );
  }
}
