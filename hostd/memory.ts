import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { describeError } from './errors.ts';
import { unmapFilePages } from './native.ts';

/** A mapping of this process as /proc/self/smaps tells it (proc_pid_smaps(5)). */
export interface Mapping {
  start: bigint;
  lengthBytes: number;
}

/**
 * Gives back what only the start needed; call it once all modules are loaded. Garbage that V8, which sees how little hostd
 * needs from then on, would keep for hours: only where the collector is exposed (`node --expose-gc`). And the code of Node
 * that the start ran through: it stays in the page cache, and what is used again comes back with a minor fault.
 */
export function settleMemory(log: Logger): void {
  const { gc } = globalThis as { gc?: (options: { type: 'major'; flavor: 'last-resort' }) => void };
  gc?.({ type: 'major', flavor: 'last-resort' });
  try {
    for (const { start, lengthBytes } of codeOfFiles(readFileSync('/proc/self/smaps', 'utf8'))) {
      unmapFilePages(start, lengthBytes);
    }
  } catch (error) {
    log.debug({ error: describeError(error) }, 'The code of the start stays mapped');
  }
}

/** The executable mappings of files of which no page is this process' own: nothing is lost if their pages are dropped. */
export function codeOfFiles(smaps: string): Mapping[] {
  const mappings = smaps.matchAll(
    /^([0-9a-f]+)-([0-9a-f]+) r-xp [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ [1-9]\d* .*\n((?:[A-Z]\w+:.*\n?)+)/gm,
  );
  return [...mappings].flatMap(([, from = '', to = '', figures = '']) => {
    const own = [/^Anonymous: +(\d+) kB$/m, /^Private_Dirty: +(\d+) kB$/m].map((each) => each.exec(figures)?.[1]);
    if (own.some((kibibytes) => kibibytes !== '0')) return [];
    const start = BigInt(`0x${from}`);
    return [{ start, lengthBytes: Number(BigInt(`0x${to}`) - start) }];
  });
}
