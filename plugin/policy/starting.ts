import type { Priority } from '../contract.ts';
import type { StartWindow } from './schema/timing.ts';
import type { Policy } from './schema.ts';
import { isOpen, openSinceMs, opensAtMs } from './window.ts';

type WithWindows = Pick<Policy, 'windows'>;

/** When a migration of this priority may start: `nowMs` if it may now, null if never. Without a window it always may. */
export function startsAtMs(policy: WithWindows, priority: Priority, nowMs: number): number | null {
  const own = windowsOf(policy, priority);
  if (own.length === 0) return nowMs;
  const times = own.flatMap((window) => opensAtMs(window, nowMs) ?? []);
  return times.length === 0 ? null : Math.min(...times);
}

export function mayStart(policy: WithWindows, priority: Priority, nowMs: number): boolean {
  const own = windowsOf(policy, priority);
  return own.length === 0 || own.some((window) => isOpen(window, nowMs));
}

/**
 * Since when a migration waits for others, which is what `maxWait` counts: since its arrival, or since its window opened
 * if that was later, or since now if none is open. Those that waited for the night do not all overtake what is urgent
 * when it falls.
 */
export function waitingSinceMs(policy: WithWindows, priority: Priority, receivedAtMs: number, nowMs: number): number {
  const own = windowsOf(policy, priority);
  if (own.length === 0) return receivedAtMs;
  const opened = own.flatMap((window) => openSinceMs(window, nowMs) ?? []);
  return opened.length === 0 ? nowMs : Math.max(receivedAtMs, Math.min(...opened));
}

function windowsOf({ windows }: WithWindows, priority: Priority): StartWindow[] {
  return windows.filter((window) => window.priority.includes(priority));
}
