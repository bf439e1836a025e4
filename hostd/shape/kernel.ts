import { ROOT, type Tree, type TreeClass } from './htb.ts';

/** One line of `tc qdisc show dev DEV`. */
export interface Qdisc {
  kind: string;
  handle: string;
  /** Null: the root. */
  parent: string | null;
  options: string;
}

/** What stands on one device, as far as hostd needs to know. */
export interface DeviceState {
  qdiscs: readonly Qdisc[];
  /** hostd's own tree, null if the root qdisc is not hostd's. */
  tree: Tree | null;
  ingress: Ingress | null;
}

/** The qdisc of what enters: `ingress`, or somebody's `clsact`. */
export interface Ingress {
  kind: string;
  filters: number;
  /** The devices that its filters redirect to; `*` is a device that is gone. */
  redirects: readonly string[];
}

/** Lines for `tc -batch` whose answer `parseDevice` reads: one program for all of it. */
export function showOperations(dev: string): string[] {
  return [
    `qdisc show dev ${dev}`,
    `class show dev ${dev}`,
    // Without a parent tc prints the parent of each filter, with one it does not: so the two are told apart.
    `filter show dev ${dev}`,
    `filter show dev ${dev} parent ffff:`,
  ];
}

const QDISC_LINE = /^qdisc (\S+) (\S+) (?:root|parent (\S+)) ?(?:offloaded )?(?:refcnt \d+ )?(.*)$/;

export function parseDevice(text: string): DeviceState {
  const qdiscs = parseQdiscs(text);
  const filters = filterBlocks(text);
  return {
    qdiscs,
    tree: readTree(
      qdiscs,
      text,
      filters.filter((block) => block.startsWith(`filter parent ${ROOT}`)),
    ),
    ingress: readIngress(
      qdiscs,
      filters.filter((block) => !block.startsWith('filter parent ')),
    ),
  };
}

export function parseQdiscs(text: string): Qdisc[] {
  return text.split('\n').flatMap((line) => {
    const match = QDISC_LINE.exec(line);
    if (match === null) return [];
    const [, kind = '', handle = '', parent, options = ''] = match;
    return [{ kind, handle, parent: parent ?? null, options: options.trim() }];
  });
}

/** Each filter with the lines that belong to it; the heads of chains and hash tables are left out. */
function filterBlocks(text: string): string[] {
  const from = text.search(/^filter /m);
  if (from < 0) return [];
  return text
    .slice(from)
    .split(/^(?=filter )/m)
    .filter((block) => !/^filter .* (u32|bpf) /.test(block) || /\b(fh \w+::\w+|handle \w+) /.test(block));
}

const UNITS: Record<string, number> = { bit: 1, Kbit: 1e3, Mbit: 1e6, Gbit: 1e9, Tbit: 1e12 };

/** `300Mbit` in bit/s. */
export function parseRate(text: string): number {
  const match = /^(\d+)([KMGT]?bit)$/.exec(text);
  return match === null ? Number.NaN : Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN);
}

const SIZES: Record<string, number> = { b: 1, Kb: 1024, Mb: 1024 ** 2 };

/** `130Kb` in bytes. */
export function parseSize(text: string): number {
  const match = /^(\d+)(b|Kb|Mb)$/.exec(text);
  return match === null ? Number.NaN : Number(match[1]) * (SIZES[match[2] ?? ''] ?? Number.NaN);
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

/** The program of the one filter that hostd makes. */
function parseClassifier(filters: readonly string[]): string | null {
  const [only = '', ...more] = filters;
  const match = /^filter \S+ \S+ protocol all pref 1 bpf chain 0 handle 0x1 .*bytecode '([\d ,]+)'/.exec(only);
  return more.length > 0 ? null : (match?.[1] ?? null);
}

function readTree(qdiscs: readonly Qdisc[], text: string, filters: readonly string[]): Tree | null {
  const root = qdiscs.find(({ parent }) => parent === null);
  if (root?.kind !== 'htb' || root.handle !== ROOT) return null;
  const leaves = qdiscs.filter(({ kind, parent }) => kind === 'bfifo' && parent?.startsWith(ROOT));
  return {
    defaultMinor: /\bdefault (\S+)/.exec(root.options)?.[1] ?? '',
    classes: parseClasses(text),
    leafLimits: new Map(
      leaves.map(({ parent, options }) => [parent ?? '', parseSize(/\blimit (\S+)/.exec(options)?.[1] ?? '')]),
    ),
    classifier: parseClassifier(filters),
  };
}

function readIngress(qdiscs: readonly Qdisc[], filters: readonly string[]): Ingress | null {
  const qdisc = qdiscs.find(({ parent }) => parent === 'ffff:fff1');
  if (qdisc === undefined) return null;
  const redirects = filters.flatMap((block) => /\(Egress Redirect to device (\S+)\)/.exec(block)?.[1] ?? []);
  return { kind: qdisc.kind, filters: filters.length, redirects };
}
