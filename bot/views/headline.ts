import type { Ask } from '../asks/ask.ts';
import { counted, duration, span } from './figures.ts';
import { clipped, oneName } from './inert.ts';
import { code, joined, type Mrkdwn, md, moment } from './mrkdwn.ts';
import type { Totals } from './totals.ts';
import { dayOrTime } from './vmline.ts';

/** What is read first: how it stands, with one emoji. `text` has foreign names in it, not yet escaped. */
export interface Headline {
  emoji: string;
  text: string;
}

export function headlineOf(ask: Ask, totals: Totals): Headline {
  const what = subjectOf(ask);
  switch (ask.state) {
    case 'received':
      return { emoji: '🔎', text: `Looking up ${what}` };
    case 'choosing':
      return { emoji: '❓', text: 'Which server is meant?' };
    case 'awaiting-approval':
      return { emoji: '✋', text: `Waits for approval: ${what}` };
    case 'submitting':
      return { emoji: '📨', text: `Asking for the migration of ${what}` };
    case 'following':
      return following(ask, totals, what);
    case 'ended':
      return ended(ask, totals, what);
    case 'withdrawn':
      if (ask.approval?.verdict === 'turned-down') return { emoji: '👎', text: `Declined: ${what}` };
      return { emoji: '🚫', text: `Withdrawn: ${what}` };
    case 'expired':
      return { emoji: '⌛', text: `Expired, nothing was moved: ${what}` };
    case 'refused':
      return { emoji: '⛔', text: `Not taken: ${what}` };
  }
}

function following({ vms, kind, wish }: Ask, { count, by }: Totals, what: string): Headline {
  if (count === 1) {
    const moves = by.running > 0;
    return { emoji: moves ? '🚚' : '⏳', text: moves ? `Moving ${what}` : `${what} waits to be moved` };
  }
  const ended = vms.length - by.running - by.waiting;
  const emoji = by.troubled > 0 ? '⚠️' : by.running > 0 ? '🚚' : '⏳';
  const verb = kind === 'drain' && wish.kind === 'drain' ? `Draining ${nameOf(wish.host)}` : `Moving ${what}`;
  return { emoji, text: `${verb}: ${ended} of ${count} done` };
}

function ended(
  { vms, kind, wish, note = null }: Ask,
  { count, by, failed, aborted, refused }: Totals,
  what: string,
): Headline {
  const [only] = vms;
  if (count === 0) {
    const nothing =
      kind === 'drain' && wish.kind === 'drain'
        ? `${nameOf(wish.host)} has nothing to move`
        : `Nothing was moved: ${what}`;
    return { emoji: '✅', text: nothing };
  }
  if (count === 1 && only) {
    const tmt = only.migration?.outcome?.totalMigrationTimeMs ?? null;
    if (by.done === 1) {
      const to = only.migration?.destination;
      return {
        emoji: '✅',
        text: `Moved ${what}${to ? ` to ${nameOf(to)}` : ''}${tmt === null ? '' : ` in ${duration(tmt)}`}`,
      };
    }
    if (refused === 1) return { emoji: '⛔', text: `Not taken: ${what}` };
    return aborted === 1 ? { emoji: '🚫', text: `Cancelled: ${what}` } : { emoji: '❌', text: `Failed: ${what}` };
  }
  if (by.done === count) {
    const verb =
      kind === 'drain' && wish.kind === 'drain'
        ? note === null
          ? `${nameOf(wish.host)} is drained: ${counted(count, 'server')} moved`
          : `${counted(count, 'server')} moved from ${nameOf(wish.host)}, others stay`
        : `Moved ${counted(count, 'server')}`;
    return { emoji: '✅', text: verb };
  }
  const rest = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(aborted > 0 ? [`${aborted} cancelled`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
  ];
  return { emoji: by.done === 0 && failed > 0 ? '❌' : '⚠️', text: `${by.done} of ${count} moved, ${rest.join(', ')}` };
}

/** `web-1`, `12 servers`, `all servers of compute-3`, or what was typed while that is not known. */
function subjectOf({ vms, kind, wish, text }: Ask): string {
  const [only, ...others] = vms;
  if (kind === 'drain' && wish.kind === 'drain') return `all servers of ${nameOf(wish.host)}`;
  if (only) return others.length === 0 ? nameOf(only.name) : counted(vms.length, 'server');
  if (wish.kind === 'drain') return nameOf(wish.host);
  const names = wish.targets.map(({ pattern }) => pattern);
  return names.length === 0 ? clipped(oneName(text), 60) : clipped(oneName(names.join(', ')), 60);
}

/** What was wished for, and how it is done: one line each, null where there is nothing to say. */
export function wishLine(ask: Ask, { priority, strategies, count }: Totals, nowMs: number): Mrkdwn[] | null {
  const { wish } = ask;
  const parts: Mrkdwn[] = [];
  const now = priority ?? wish.priority;
  if (now !== null) parts.push(md`priority *${now}*${wish.priority === null ? ' (by the policy)' : ''}`);
  if (wish.destination !== null) parts.push(md`to ${code(wish.destination)}`);
  const isOver = ask.endedAtMs !== null;
  if (wish.startAtMs !== null) parts.push(whenPart('from', wish.startAtMs, nowMs, isOver));
  if (wish.deadlineAtMs !== null) {
    const kept = isOver && isKept(ask, wish.deadlineAtMs) ? md`, kept` : md``;
    parts.push(md`${whenPart('deadline', wish.deadlineAtMs, nowMs, isOver)}${kept}`);
  }
  if (count > 1 && strategies.size > 0) {
    const texts = [...strategies].map(([strategy, many]) => (strategies.size === 1 ? strategy : `${many} ${strategy}`));
    parts.push(md`${texts.join(', ')}`);
  }
  return parts.length === 0 ? null : [joined(parts, ' · ')];
}

/** The reader's own clock says when; how long it is until then needs no clock. */
function whenPart(word: string, atMs: number, nowMs: number, isOver: boolean): Mrkdwn {
  // What has ended is not shown anew.
  const left = atMs > nowMs && !isOver ? ` (in ${span(atMs - nowMs)})` : '';
  return md`${word} ${moment(atMs, dayOrTime(atMs, nowMs))}${left}`;
}

/** All of it was moved by then. */
function isKept({ vms }: Ask, deadlineAtMs: number): boolean {
  return (
    vms.length > 0 &&
    vms.every(({ migration }) => migration?.state === 'completed' && (migration.endedAtMs ?? 0) <= deadlineAtMs)
  );
}

function nameOf(name: string): string {
  return clipped(oneName(name), 60);
}
