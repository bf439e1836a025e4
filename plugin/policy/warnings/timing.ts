import { Priority } from '../../contract.ts';
import type { Policy } from '../schema.ts';
import { longestClosed, longestOpen, weekOf } from '../week.ts';
import type { Doubt } from './doubt.ts';

const MINUTE_MS = 60_000;

/** Priorities whose windows are never open for as long as `maxWait` counts (starting.ts, `waitedMs`). */
export function neverAges({ windows, maxWaitMs }: Policy): Doubt[] {
  const never = Priority.options.flatMap((priority) => {
    const week = weekOf(windowsOf(windows, priority));
    const openMs = MINUTE_MS * (week === null ? Number.POSITIVE_INFINITY : longestOpen(week));
    const first = windows.findIndex((window) => window.priority.includes(priority));
    return first < 0 || openMs > maxWaitMs ? [] : [{ priority, openMs, path: `windows[${first}]` }];
  });
  return [...Map.groupBy(never, ({ path, openMs }) => `${path} ${openMs}`).values()].map((alike) => {
    const { path = '', openMs = 0 } = alike[0] ?? {};
    const who = alike.map(({ priority }) => priority).join(' and ');
    const message = `${who} may start for at most ${time(openMs)} on end, no longer than maxWait (${time(maxWaitMs)}), so that no wait is ever long enough for maxWait to count and others may overtake for ever: make the window longer, or maxWait shorter than it`;
    return { path, message };
  });
}

/** Deadlines that a migration misses before it may start. */
export function lateFromTheStart({ deadlines, windows, batchWindowMs }: Policy): Doubt[] {
  const { defaultMs, maxMs, admission } = deadlines;
  const becomes = { accept: 'is late', warn: 'is late', refuse: 'is refused' }[admission];
  const beforeBatch = `is no longer than batchWindow (${time(batchWindowMs)}), for which the first of a batch waits before it starts, so that it ${becomes}: write a longer time, or a shorter batchWindow`;
  return [
    ...Priority.options.flatMap((priority) => {
      const ms = defaultMs[priority];
      if (ms === null) return [];
      const path = `deadlines.default.${priority}`;
      if (ms <= batchWindowMs) return [{ path, message: beforeBatch }];
      const own = windowsOf(windows, priority);
      const week = weekOf(own);
      const closedMs = own.length === 0 || week === null ? 0 : MINUTE_MS * longestClosed(week);
      if (ms > closedMs) return [];
      const message = `is no longer than the windows of ${priority} stay closed (${time(closedMs)}), so that what is asked for when they have just closed ${becomes}: write a longer time, or a window in between`;
      return [{ path, message }];
    }),
    ...(maxMs !== null && maxMs <= batchWindowMs ? [{ path: 'deadlines.max', message: beforeBatch }] : []),
  ];
}

/** Keys of `order` behind the one that leaves nothing open. */
export function ignoredOrder({ order }: Policy): Doubt[] {
  const arrival = order.indexOf('arrival');
  if (arrival < 0) return [];
  return order.slice(arrival + 1).map((key, index) => ({
    path: `order[${arrival + 1 + index}]`,
    message: `${key} is never looked at, for no two arrive alike: put it before arrival, or delete it`,
  }));
}

function windowsOf(windows: Policy['windows'], priority: Priority): Policy['windows'] {
  return windows.filter((window) => window.priority.includes(priority));
}

/** `90 s`, `30 min`, `1.5 h`: in the largest unit in which it is short. */
function time(ms: number): string {
  const [unit, size] = ms >= 3_600_000 ? ['h', 3_600_000] : ms >= 60_000 ? ['min', 60_000] : ['s', 1000];
  return `${Number((ms / Number(size)).toFixed(2))} ${unit}`;
}
