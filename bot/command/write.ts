import { Priority } from 'drover-plugin/contract';
import type { Request, Target } from './command.ts';
import { hasUnseenEnds } from './words.ts';

/** Words that mean something else where they are not quoted. */
const KEYWORDS = [
  'help',
  'policy',
  'status',
  'explain',
  'cancel',
  'plan',
  'host',
  'to',
  'by',
  'in',
  'at',
  ...Priority.options,
];
/** As the parser reads them. */
const QUOTES: readonly (readonly [open: string, close: string])[] = [
  ['"', '"'],
  ["'", "'"],
  ['“', '”'],
  ['«', '»'],
];
const OPENING = /^["'“„‘«]/;

/**
 * The words behind `/migrate` that ask for just this, escaped as Slack sends them: the parser reads the same request from
 * them again.
 *
 * | request                                      | words                                          |
 * |----------------------------------------------|------------------------------------------------|
 * | web-1 and db-*, high, deadline               | `high web-1 db-* by 2026-12-01T06:00:00Z`      |
 * | a server called `high`, one called `my vm`   | `"high" "my vm"`                               |
 * | drain of compute-3, to compute-4             | `host compute-3 to compute-4`                  |
 */
export function writeCommand(request: Request): string {
  const { priority, destination, startAtMs, deadlineAtMs } = request;
  const words = [
    ...(request.kind === 'drain' ? ['host', request.host] : []),
    ...(priority === null ? [] : [priority]),
    ...(request.kind === 'migrate' ? request.targets.map(writeTarget) : []),
    ...(destination === null ? [] : ['to', destination]),
    ...(startAtMs === null ? [] : ['at', instant(startAtMs)]),
    ...(deadlineAtMs === null ? [] : ['by', instant(deadlineAtMs)]),
  ];
  return words.join(' ').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function writeTarget({ pattern, isGlob }: Target): string {
  const isPlain =
    !/[\s,]/.test(pattern) &&
    !OPENING.test(pattern) &&
    !hasUnseenEnds(pattern) &&
    !KEYWORDS.includes(pattern.toLowerCase()) &&
    isGlob === /[*?]/.test(pattern);
  if (isPlain) return pattern;
  const [open, close] = QUOTES.find(([, end]) => !pattern.includes(end)) ?? ['"', '"'];
  return `${open}${pattern}${close}`;
}

/** To the second: more the parser does not read. */
function instant(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}
