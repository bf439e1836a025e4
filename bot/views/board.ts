import type { Ask, AskedVm } from '../asks/ask.ts';
import { context, header, type Message, MOST_TEXT, message, sectionsOf, textLength } from './blocks.ts';
import { counted } from './figures.ts';
import { type Mrkdwn, md, moment } from './mrkdwn.ts';
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
  const lines: Mrkdwn[] = [];
  let left = MOST_TEXT - textLength([...head, ...foot]) - 400;
  const running = vms.filter((vm) => standingOf(vm) === 'running');
  for (const vm of running.toSorted(byEnd)) {
    const line = vmLine(vm, nowMs, 'short');
    left -= line.mrkdwn.length + 1;
    if (left < 0) break;
    lines.push(line);
  }
  const { blocks } = sectionsOf(lines, 8);
  const missing = running.length - lines.length;
  const more = missing > 0 ? [context(md`and ${missing} more that run`)] : [];
  const fallback = md`${open === 0 ? 'Nothing runs here any more' : `${totals.by.running} running, ${totals.by.waiting} waiting`}`;
  return message(fallback, [...head, ...blocks, ...more, ...foot]);
}

/** Those that end soon stand first; so each keeps its place as a rule. */
function byEnd(a: AskedVm, b: AskedVm): number {
  const end = ({ migration }: AskedVm) => migration?.planned?.endAtMs.value ?? Number.MAX_SAFE_INTEGER;
  return end(a) - end(b) || (a.name < b.name ? -1 : 1);
}
