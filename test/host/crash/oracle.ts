/**
 * What must stand in the kernel for the leases on disk, written from the tables in the documentation (hostd/shape/combine.ts
 * and htb.ts say what they promise) and not with their code.
 */
import type { LeaseRequest } from '../../../hostd/contract.ts';

export interface KernelClass {
  rateBitsPerSecond: number;
  ceilBitsPerSecond: number;
  /** Null for a class above others, which has none. */
  prio: number | null;
}

export type ClassName = 'total' | 'control' | 'migration' | 'workload' | 'workload acks' | 'workload bulk';
export type LinkClasses = Readonly<Record<ClassName, KernelClass>>;

export interface Link {
  /** What all classes may send together. */
  totalBitsPerSecond: number;
  controlBitsPerSecond: number;
}

/** HTB knows no lower rate. */
const LEAST_BITS_PER_SECOND = 8000;

/** The classes of one direction; null: nothing of hostd's may stand there. */
export function expectedClasses(
  requests: readonly LeaseRequest[],
  direction: 'tx' | 'rx',
  link: Link,
): LinkClasses | null {
  const { totalBitsPerSecond: total, controlBitsPerSecond: control } = link;
  for (const priority of ['high', 'medium', 'low']) {
    const group = requests.flatMap((each) => (each.priority === priority ? (each[direction] ?? []) : []));
    const [first] = group;
    if (first === undefined) continue;
    const shared = total - control;
    const highest = (figures: number[]) => figures.sort((a, b) => b - a)[0] ?? 0;
    const workload = Math.min(
      highest(group.map((each) => each.workload.rateBitsPerSecond)),
      shared - LEAST_BITS_PER_SECOND,
    );
    const migration = Math.min(highest(group.map((each) => each.migration.rateBitsPerSecond)), shared - workload);
    // The one that puts its migration furthest ahead, and of these the one whose migration borrows first.
    const [ahead = first] = group.toSorted(
      (a, b) =>
        b.workload.prio - b.migration.prio - (a.workload.prio - a.migration.prio) ||
        a.migration.prio - b.migration.prio,
    );
    const ceil = (name: 'migration' | 'workload') =>
      Math.min(total, highest(group.map((each) => each[name].ceilBitsPerSecond)));
    return linkClasses(
      link,
      { rateBitsPerSecond: migration, ceilBitsPerSecond: ceil('migration'), prio: ahead.migration.prio },
      { rateBitsPerSecond: workload, ceilBitsPerSecond: ceil('workload'), prio: ahead.workload.prio },
    );
  }
  return null;
}

/** Those of a direction that no lease asks for, beside one that some lease asks for. */
export function expectedWayBack(link: Link): LinkClasses {
  const shared = link.totalBitsPerSecond - link.controlBitsPerSecond;
  return linkClasses(
    link,
    { rateBitsPerSecond: 0.03 * shared, ceilBitsPerSecond: shared, prio: 1 },
    { rateBitsPerSecond: 0.97 * shared, ceilBitsPerSecond: shared, prio: 2 },
  );
}

function linkClasses(
  { totalBitsPerSecond: total, controlBitsPerSecond: control }: Link,
  migration: KernelClass,
  workload: KernelClass,
): LinkClasses {
  const { rateBitsPerSecond: rate, ceilBitsPerSecond: ceil, prio } = workload;
  return {
    total: { rateBitsPerSecond: total, ceilBitsPerSecond: total, prio: null },
    control: { rateBitsPerSecond: control, ceilBitsPerSecond: total, prio: 0 },
    migration,
    workload: { ...workload, prio: null },
    'workload acks': { rateBitsPerSecond: rate / 10, ceilBitsPerSecond: ceil / 10, prio: 0 },
    'workload bulk': { rateBitsPerSecond: rate - rate / 10, ceilBitsPerSecond: ceil, prio },
  };
}

const NAMES: Readonly<Record<string, ClassName>> = {
  'd707:1': 'total',
  'd707:10': 'control',
  'd707:20': 'migration',
  'd707:30': 'workload',
  'd707:31': 'workload acks',
  'd707:32': 'workload bulk',
};

/** Of `tc class show dev DEV`: all classes by name, those that are not hostd's by their id. */
export function shownClasses(text: string): Map<string, KernelClass> {
  const classes = new Map<string, KernelClass>();
  for (const line of text.split('\n')) {
    const words = line.split(' ');
    const [head, , id = ''] = words;
    if (head !== 'class') continue;
    const after = (word: string) => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined);
    classes.set(NAMES[id] ?? id, {
      rateBitsPerSecond: bits(after('rate')),
      ceilBitsPerSecond: bits(after('ceil')),
      prio: after('prio') === undefined ? null : Number(after('prio')),
    });
  }
  return classes;
}

function bits(text = ''): number {
  const factor = { K: 1e3, M: 1e6, G: 1e9 }[text.at(-4) ?? ''] ?? 1;
  return Number.parseFloat(text) * factor;
}

/** tc prints whole kbit: what is wanted may be so much above what is shown, and never below it. */
const SHOWN_TO_BITS_PER_SECOND = 1000;

/** Everything in which the two differ, in words; nothing where they agree. */
export function differences(shown: ReadonlyMap<string, KernelClass>, wanted: LinkClasses): string[] {
  const found = Object.entries(wanted).flatMap(([name, want]) => {
    const is = shown.get(name);
    if (is === undefined) return [`class ${name} is missing`];
    const off = (want: number, is: number) => !(is <= want && want - is < SHOWN_TO_BITS_PER_SECOND);
    return off(want.rateBitsPerSecond, is.rateBitsPerSecond) ||
      off(want.ceilBitsPerSecond, is.ceilBitsPerSecond) ||
      is.prio !== want.prio
      ? [`class ${name} is ${JSON.stringify(is)}, not ${JSON.stringify(want)}`]
      : [];
  });
  const more = [...shown.keys()].filter((name) => !Object.hasOwn(wanted, name));
  return [...found, ...more.map((name) => `class ${name} is too much`)];
}
