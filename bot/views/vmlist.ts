import type { types } from '@slack/bolt';
import type { Ask, AskedVm } from '../asks/ask.ts';
import { writeValue } from '../asks/click.ts';
import { button, context, section, sectionsOf, textLength } from './blocks.ts';
import { bar, counted, duration, percent, span } from './figures.ts';
import { clipped, oneName } from './inert.ts';
import { code, joined, type Mrkdwn, md, moment } from './mrkdwn.ts';
import type { Totals } from './totals.ts';
import { dayOrTime, standingOf, vmLine } from './vmline.ts';

/** Up to so many servers each has its own line, in the order of their names: lines that jump about cannot be read. */
const MOST_IN_ORDER = 20;
/** Up to so many open ones each has its own button. */
const MOST_BUTTONS = 6;
/** Their words and those of their dialogues. */
const BUTTONS_LENGTH = 4000;
/** For what is less urgent, and so much for what failed where others run. */
const FEW_LENGTH = 900;
const TROUBLED_LENGTH = 1800;

/** What is left of a message. */
export interface Room {
  blocks: number;
  /** Characters. */
  length: number;
}

/** The servers of an ask, within a room. */
export function vmBlocks(ask: Ask, nowMs: number, room: Room): types.KnownBlock[] {
  const { vms, state } = ask;
  if (vms.length === 0) return [];
  if (state === 'withdrawn' || state === 'expired') return [context(notMoved(vms))];
  const isUnderway = state === 'submitting' || state === 'following';
  for (const width of vms.length <= MOST_IN_ORDER ? (['full', 'short'] as const) : []) {
    const lines = vms.map((vm) => vmLine(vm, nowMs, width));
    if (lines.reduce((sum, { mrkdwn }) => sum + mrkdwn.length + 1, 0) > room.length - BUTTONS_LENGTH) continue;
    const hasButtons = isUnderway && vms.length > 1 && vms.length <= MOST_BUTTONS && room.blocks >= vms.length;
    if (!hasButtons) return sectionsOf(lines, Math.min(room.blocks, 6)).blocks;
    return vms.map((vm, index) => section(lines[index] ?? md``, cancelButton(ask, vm, index)));
  }
  return groups(vms, nowMs, room);
}

const MOST_NAMES = 20;

/** What was asked for, where nothing came of it. */
function notMoved(vms: readonly AskedVm[]): Mrkdwn {
  const names = vms.slice(0, MOST_NAMES).map(({ name }) => code(name, 24));
  const more = vms.length > MOST_NAMES ? md` and ${vms.length - MOST_NAMES} more` : md``;
  return md`not moved: ${joined(names, ' ')}${more}`;
}

/** `▓▓▓▓░░░░░░ 41 % · 4 done · 3 running · 5 waiting · all done about 18:04 (in 2 min)`. */
export function progressLine({ share, by, endsAtMs }: Totals, nowMs: number): Mrkdwn {
  const parts = [
    md`\`${bar(share, 20)} ${percent(Math.floor(share * 100) / 100)}\``,
    ...(by.done > 0 ? [md`${by.done} done`] : []),
    ...(by.running > 0 ? [md`*${by.running} running*`] : []),
    ...(by.waiting > 0 ? [md`${by.waiting} waiting`] : []),
    ...(by.troubled > 0 ? [md`*${by.troubled} not moved*`] : []),
    ...(endsAtMs !== null && endsAtMs > nowMs
      ? [md`all done about ${moment(endsAtMs, dayOrTime(endsAtMs, nowMs))} (in ${span(endsAtMs - nowMs)})`]
      : []),
  ];
  return joined(parts, ' · ');
}

function cancelButton(ask: Ask, vm: AskedVm, index: number): ReturnType<typeof button> | undefined {
  const isOpen = ['waiting', 'running'].includes(standingOf(vm));
  if (!isOpen || vm.cancel?.outcome === 'done' || (vm.cancel && vm.cancel.outcome === null)) return undefined;
  return button({
    label: 'Cancel',
    actionId: `vm.cancel:${index}`,
    value: writeValue(ask.id, vm.id),
    confirm: {
      title: 'Cancel this migration?',
      text: `${clipped(oneName(vm.name), 60)} stays where it is, unless it is in post-copy already.`,
      yes: 'Cancel it',
      no: 'Go on',
      danger: true,
    },
  });
}

/** Many servers: what went wrong first, then what runs, then what waits and what is done in few words. */
function groups(vms: readonly AskedVm[], nowMs: number, room: Room): types.KnownBlock[] {
  const of = (standing: string) => vms.filter((vm) => standingOf(vm) === standing);
  const [troubled, running, waiting, done] = [of('troubled'), of('running'), of('waiting'), of('done')];
  const blocks: types.KnownBlock[] = [];
  let left = room.length - 300;
  const add = (title: Mrkdwn, some: readonly AskedVm[], most: number, behind: Mrkdwn | null) => {
    const shown = linesWithin(some, Math.min(left, most), nowMs);
    const leftOut = some.length === 0 ? 0 : some.length - shown.length;
    const list = sectionsOf([title, ...shown], Math.max(1, room.blocks - blocks.length - 2)).blocks;
    const rest = [...(leftOut > 0 ? [md`and ${leftOut} more`] : []), ...(behind ? [behind] : [])];
    blocks.push(...list, ...(rest.length > 0 ? [context(joined(rest, ' · '))] : []));
    left -= textLength(list) + 150;
  };
  // What runs has the room that the others leave it.
  const others = (waiting.length > 0 ? FEW_LENGTH + 300 : 0) + (done.length > 0 ? 300 : 0);
  const isOver = running.length + waiting.length === 0;
  if (troubled.length > 0) {
    add(md`*Not moved: ${troubled.length}*`, troubled, isOver ? left / 2 : TROUBLED_LENGTH, null);
  }
  if (running.length > 0) add(md`*Running: ${running.length}*`, running, left - others, null);
  if (waiting.length > 0) add(md`*Waiting: ${waiting.length}*`, inOrderOfStart(waiting), FEW_LENGTH, null);
  if (done.length > 0) add(md`*Moved: ${done.length}*`, isOver ? done : [], FEW_LENGTH * 2, doneText(done));
  return blocks;
}

/** The lines of as many of them as have so many characters together. */
function linesWithin(vms: readonly AskedVm[], length: number, nowMs: number): Mrkdwn[] {
  let left = length;
  const shown: Mrkdwn[] = [];
  for (const vm of vms) {
    const line = vmLine(vm, nowMs, 'short');
    left -= line.mrkdwn.length + 1;
    if (left < 0) break;
    shown.push(line);
  }
  return shown;
}

function inOrderOfStart(vms: readonly AskedVm[]): AskedVm[] {
  const start = ({ migration }: AskedVm) => migration?.planned?.startAtMs ?? Number.POSITIVE_INFINITY;
  return vms.toSorted((a, b) => (start(a) === start(b) ? 0 : start(a) - start(b)));
}

function doneText(done: readonly AskedVm[]): Mrkdwn {
  const known = (pick: (vm: AskedVm) => number | null | undefined) =>
    done.map(pick).filter((each) => typeof each === 'number');
  const tmt = known(({ migration }) => migration?.outcome?.totalMigrationTimeMs);
  const downtime = known(({ migration }) => migration?.outcome?.downtimeMs);
  const mean = (all: readonly number[]) =>
    all.length === 0 ? null : all.reduce((sum, each) => sum + each, 0) / all.length;
  const longest = downtime.length === 0 ? null : Math.max(...downtime);
  return md`${counted(done.length, 'server')} moved: TMT ${duration(mean(tmt))} in the mean, longest downtime ${duration(longest)}`;
}
