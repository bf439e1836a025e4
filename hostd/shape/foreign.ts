import { z } from 'zod';
import { parseSize } from './kernel.ts';

/**
 * What tc shows of a device, for rebuilding and comparing it. With `-r` sizes that tc rounds are beside the rounded
 * ones; JSON has them to the byte.
 */
export interface Shown {
  /** `tc -r qdisc show dev DEV`. */
  qdiscs: string;
  /** `tc -r -j qdisc show dev DEV`. */
  json: string;
  /** `tc class show dev DEV`. */
  classes: string;
  /** `tc filter show dev DEV`. */
  filters: string;
}

type Words = readonly string[];

/** Options that tc prints in a form it does not take back, by kind. The rest is taken back as printed, or the probe says no. */
const FIX_UPS: Record<string, (words: Words) => Words> = {
  // Its bands are fixed: it prints them and takes none.
  pfifo_fast: () => [],
  // `limit` in bytes is exact, `lat` is rounded, and tc takes only one of them.
  tbf: (words) =>
    words.includes('limit') ? without(words, 'lat') : words.map((word) => (word === 'lat' ? 'latency' : word)),
  // Printed as a size, taken as a plain number (iproute2, q_fq.c).
  fq: (words) => words.map((word, index) => (/quantum$/.test(words[index - 1] ?? '') ? String(bytes(word)) : word)),
  cake: (words) => words.filter((word, index) => word !== 'bandwidth' || words[index + 1] !== 'unlimited'),
};

function without(words: Words, name: string): Words {
  const at = words.indexOf(name);
  return at < 0 ? words : [...words.slice(0, at), ...words.slice(at + 2)];
}

function bytes(size: string): number {
  return /^\d+$/.test(size) ? Number(size) : parseSize(size);
}

interface Line {
  kind: string;
  handle: string;
  parent: string | null;
  words: Words;
}

const LINE = /^qdisc (\S+) (\S+) (?:root|parent (\S+)) ?(?:refcnt \d+ )?(.*)$/;

/** Without the numbers in brackets that `-r` adds, and without what belongs to the way in. */
function parse({ qdiscs, json }: Shown): Line[] {
  const inJson = z.array(JsonQdisc).parse(JSON.parse(json || '[]'));
  return qdiscs
    .split('\n')
    .filter((text) => text.startsWith('qdisc '))
    .flatMap((text, index) => {
      const match = LINE.exec(text.replace(/ ?\[[0-9a-f]{8}\]/g, ''));
      if (match === null) return [];
      const [, kind = '', handle = '', parent = null, options = ''] = match;
      if (parent === 'ffff:fff1') return [];
      const exact = exactSizes(kind, inJson[index]?.options ?? {});
      const printed = options.split(' ').filter((word) => word !== '');
      const words = printed.map((word, at) => exact[printed[at - 1] ?? ''] ?? word);
      return [{ kind, handle, parent, words }];
    });
}

const JsonQdisc = z.object({
  options: z.object({ limit: z.unknown(), rate: z.unknown(), burst_raw: z.unknown() }).partial().optional(),
});

/** The kernel's unit of time in qdiscs (PSCHED_SHIFT in include/net/pkt_sched.h). */
const TICK_S = 64e-9;

/** In bytes, where tc rounds what it prints even with `-r`. */
function exactSizes(kind: string, options: z.infer<typeof JsonQdisc>['options'] & {}): Record<string, string> {
  const { limit, rate, burst_raw: ticks } = options;
  if (/^[pb]fifo$/.test(kind) && typeof limit === 'number') return { limit: String(limit) };
  if (kind === 'tbf' && typeof rate === 'number' && typeof ticks === 'string') {
    return { burst: String(Math.round(Number.parseInt(ticks, 16) * TICK_S * rate)) };
  }
  return {};
}

/** True where the kernel made all of it by itself and will make it again once another root is deleted. */
export function isDefault(shown: Shown): boolean {
  return parse(shown).every(({ handle }) => handle === '0:');
}

/**
 * Lines of a tc batch that make on `dev` what was shown: the root, then its children from the top down. Children of
 * handle `0:` are made by the kernel. In one level tc prints the youngest first, so they are made from the last one on.
 */
export function rebuildOperations(dev: string, shown: Shown): string[] {
  const lines = parse(shown);
  const root = lines.find(({ parent }) => parent === null);
  if (root === undefined || root.handle === '0:') return [];
  const operations: string[] = [];
  const add = (line: Line) => {
    const place = line.parent === null ? 'root' : `parent ${line.parent}`;
    const options = (FIX_UPS[line.kind]?.(line.words) ?? line.words).map((word) => word.replace(/^(\d+)p$/, '$1'));
    operations.push(['qdisc replace dev', dev, place, 'handle', line.handle, line.kind, ...options].join(' '));
    for (const child of lines.toReversed()) {
      if (child.handle !== '0:' && child.parent?.startsWith(line.handle)) add(child);
    }
  };
  add(root);
  return operations;
}

/** What must be the same on two devices; classes of mq follow from the number of queues, refcnt is no setting. */
export function comparable({ qdiscs, json, classes, filters }: Shown): string {
  const isOwn = (line: string) => !line.includes('ffff:fff1');
  const plain = (text: string) => text.replace(/refcnt \d+ /g, '').trimEnd();
  return [
    ...qdiscs.split('\n').filter(isOwn).map(plain),
    ...(JSON.parse(json || '[]') as { parent?: string; refcnt?: number }[])
      .filter(({ parent }) => parent !== 'ffff:fff1')
      .map((qdisc) => JSON.stringify({ ...qdisc, refcnt: undefined })),
    ...classes
      .split('\n')
      .filter((line) => !line.startsWith('class mq '))
      .map(plain),
    ...filters.split('\n').map(plain),
  ]
    .filter((line) => line !== '')
    .join('\n');
}
