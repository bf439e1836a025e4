import type { Ask, AskedVm } from '../asks/ask.ts';
import { context, header, type Message, MOST_TEXT, message, sectionsOf, textLength } from './blocks.ts';
import { bar, counted, span } from './figures.ts';
import { code, type Mrkdwn, md, moment } from './mrkdwn.ts';
import { totalsOf } from './totals.ts';
import { standingOf, vmLine } from './vmline.ts';
import { progressLine } from './vmlist.ts';

/**
 * All that runs in one channel in one message, where many ask at once: one change of it shows the progress of all, which
 * Slack's rates do not allow for each message by itself.
 */
export function boardMessage(asks: readonly Ask[], nowMs: number): Message {
  const vms = asks.flatMap((ask) => ask.vms);
  const totals = totalsOf({ vms }, nowMs);
  const open = totals.by.running + totals.by.waiting;
  const title =
    open === 0 ? '✅ Nothing runs here any more' : `🚚 ${counted(totals.by.running, 'migration')} running here`;
  const head = [header(title), ...sectionsOf([progressLine(totals, nowMs)], 1).blocks];
  const foot = [context(md`Each request has its own message with buttons · as of ${moment(nowMs, 'seconds')}`)];
  const left = MOST_TEXT - textLength([...head, ...foot]) - 400;
  const running = vms.filter((vm) => standingOf(vm) === 'running').toSorted(byEnd);
  const ended = vms.filter(({ migration }) => nowMs - (migration?.endedAtMs ?? 0) < ENDED_SHOWN_MS).map(endedLine);
  const full = [...running.map((vm) => vmLine(vm, nowMs, 'short')), ...ended];
  const all = lengthOf(full) <= left ? full : [...running.map((vm) => compactLine(vm, nowMs)), ...ended];
  const lines = fitting(all, left);
  const { blocks } = sectionsOf(lines, 8);
  const missing = all.length - lines.length;
  const more = missing > 0 ? [context(md`and ${missing} more`)] : [];
  const fallback = md`${open === 0 ? 'Nothing runs here any more' : `${totals.by.running} running, ${totals.by.waiting} waiting`}`;
  return message(fallback, [...head, ...blocks, ...more, ...foot]);
}

/** What has just ended stays for so long: its own message may have to wait for its turn. */
const ENDED_SHOWN_MS = 60_000;
const COMPACT_NAME = 20;

function lengthOf(lines: readonly Mrkdwn[]): number {
  return lines.reduce((sum, { mrkdwn }) => sum + mrkdwn.length + 1, 0);
}

function fitting(lines: readonly Mrkdwn[], most: number): Mrkdwn[] {
  let left = most;
  return lines.filter(({ mrkdwn }) => {
    left -= mrkdwn.length + 1;
    return left >= 0;
  });
}

/** Where there are too many for more: 200 of these fit. */
function compactLine({ name, progress, migration }: AskedVm, nowMs: number): Mrkdwn {
  const seen = progress ?? migration?.progress ?? null;
  const share = seen && seen.totalBytes > 0 ? 1 - seen.remainingBytes / seen.totalBytes : 0;
  const endsAtMs = migration?.planned?.endAtMs.value ?? null;
  const left = endsAtMs !== null && endsAtMs > nowMs ? ` ${span(endsAtMs - nowMs)}` : '';
  return md`${bar(share, 5)} ${Math.floor(share * 100)} % ${code(name, COMPACT_NAME)}${left}`;
}

function endedLine({ name, migration }: AskedVm): Mrkdwn {
  return migration?.state === 'completed'
    ? md`✅ ${code(name, COMPACT_NAME)}`
    : md`❌ ${code(name, COMPACT_NAME)} ${migration?.state ?? ''}`;
}

/** Those that end soon stand first; so each keeps its place as a rule. */
function byEnd(a: AskedVm, b: AskedVm): number {
  const end = ({ migration }: AskedVm) => migration?.planned?.endAtMs.value ?? Number.MAX_SAFE_INTEGER;
  return end(a) - end(b) || (a.name < b.name ? -1 : 1);
}
