import { z } from 'zod';
import { ROOT, type Tree, type TreeClass, type TreeFilter } from './htb.ts';

/** One line of `tc -j qdisc show`. */
export const Qdisc = z.object({
  kind: z.string(),
  handle: z.string().optional(),
  parent: z.string().optional(),
  root: z.boolean().optional(),
  dev: z.string().optional(),
  options: z.record(z.string(), z.unknown()).optional(),
});
export type Qdisc = z.infer<typeof Qdisc>;

export function parseQdiscs(text: string): Qdisc[] {
  return z.array(Qdisc).parse(text.trim() === '' ? [] : JSON.parse(text));
}

const UNITS: Record<string, number> = { bit: 1, Kbit: 1e3, Mbit: 1e6, Gbit: 1e9, Tbit: 1e12 };

/** `300Mbit` in bit/s. */
export function parseRate(text: string): number {
  const match = /^(\d+)([KMGT]?bit)$/.exec(text);
  return match === null ? Number.NaN : Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN);
}

const CLASS_LINE =
  /^class htb (\S+) (root|parent (\S+)) (?:leaf \S+ )?(?:prio (\d+) )?(?:quantum \d+ )?rate (\S+) ceil (\S+) /;

/** `tc class show dev DEV`: text, for iproute2 6.1 prints text for HTB even with -j. */
export function parseClasses(text: string): Map<string, TreeClass> {
  const classes = new Map<string, TreeClass>();
  for (const line of text.split('\n')) {
    const match = CLASS_LINE.exec(line);
    if (match === null) continue;
    const [, id = '', , parent, prio, rate = '', ceil = ''] = match;
    classes.set(id, {
      parent: parent ?? 'root',
      prio: prio === undefined ? null : Number(prio),
      rate: parseRate(rate),
      ceil: parseRate(ceil),
    });
  }
  return classes;
}

/** `tc filter show dev DEV parent HANDLE`, u32 filters that have a flowid. */
export function parseFilters(text: string): TreeFilter[] {
  const filters: (TreeFilter & { matches: string[] })[] = [];
  for (const line of text.split('\n')) {
    const head = /^filter protocol (\S+) pref (\d+) u32 .*\bflowid (\S+)/.exec(line);
    if (head) {
      const [, protocol = '', pref = '0', flowid = ''] = head;
      filters.push({ protocol: protocol as TreeFilter['protocol'], pref: Number(pref), flowid, matches: [] });
      continue;
    }
    const match = /^\s+match (\S+ at \d+)/.exec(line);
    if (match?.[1] !== undefined) filters.at(-1)?.matches.push(match[1]);
  }
  return filters;
}

/** hostd's tree on a device from what tc printed of it; null if the root qdisc is not hostd's. */
export function readTree(qdiscs: readonly Qdisc[], classes: string, filters: string): Tree | null {
  const root = qdiscs.find((qdisc) => qdisc.root);
  if (root?.kind !== 'htb' || root.handle !== ROOT) return null;
  const leaves = qdiscs.filter((qdisc) => qdisc.kind === 'bfifo' && qdisc.parent?.startsWith(ROOT));
  return {
    defaultMinor: String(root.options?.default ?? ''),
    classes: parseClasses(classes),
    leafLimits: new Map(leaves.map((qdisc) => [qdisc.parent ?? '', Number(qdisc.options?.limit)])),
    filters: parseFilters(filters),
  };
}

/**
 * The tc arguments that bring this root qdisc back, or null if it cannot be brought back exactly. Empty for the
 * kernel's own default (handle 0:): it returns by itself once the root is deleted, on every queue of the NIC.
 */
export function restoreArguments(root: Qdisc | undefined): string | null {
  if (root === undefined || root.handle === '0:') return '';
  const limit = root.options?.limit;
  if ((root.kind === 'pfifo' || root.kind === 'bfifo') && typeof limit === 'number') {
    return `handle ${root.handle} ${root.kind} limit ${limit}`;
  }
  return null;
}
