import type { Priority } from '../contract.ts';
import type { StartWindow } from './schema/timing.ts';
import type { Policy } from './schema.ts';
import { isOpen, nextEdgeMs, opensAtMs, openTogetherSinceMs } from './window.ts';

type WithWindows = Pick<Policy, 'windows'>;

/** What the windows say of one priority at one moment. */
export interface StartTimes {
  /** When it may start: now if it may now, null if never. */
  startsAtMs: number | null;
  /** Since when it may without a pause: minus infinity if it always may, now while no window is open. */
  openSinceMs: number;
}

/** For every priority; one that no window names may always start. */
export function startTimes(policy: WithWindows, nowMs: number): Record<Priority, StartTimes> {
  const of = (priority: Priority): StartTimes => {
    const own = windowsOf(policy, priority);
    if (own.length === 0) return { startsAtMs: nowMs, openSinceMs: Number.NEGATIVE_INFINITY };
    const opens = own.flatMap((window) => opensAtMs(window, nowMs) ?? []);
    return {
      startsAtMs: opens.length === 0 ? null : Math.min(...opens),
      openSinceMs: openTogetherSinceMs(own, nowMs) ?? nowMs,
    };
  };
  return { high: of('high'), medium: of('medium'), low: of('low') };
}

/**
 * `startTimes` of one priority at many moments, for looking ahead: between two edges of its windows nothing is worked out
 * anew. Null: no window names it, it may always start.
 */
export function startTimesAhead(policy: WithWindows, priority: Priority): ((atMs: number) => StartTimes) | null {
  const own = windowsOf(policy, priority);
  if (own.length === 0) return null;
  const known: { fromMs: number; untilMs: number; times: StartTimes; open: boolean }[] = [];
  return (atMs) => {
    let span = known.find(({ fromMs, untilMs }) => fromMs <= atMs && atMs < untilMs);
    if (!span) {
      const times = startTimes(policy, atMs)[priority];
      const untilMs = nextEdgeMs(own, atMs) ?? Number.POSITIVE_INFINITY;
      span = { fromMs: atMs, untilMs, times, open: times.startsAtMs === atMs };
      known.push(span);
    }
    const { times, open } = span;
    return open
      ? { startsAtMs: atMs, openSinceMs: times.openSinceMs }
      : { startsAtMs: times.startsAtMs, openSinceMs: atMs };
  };
}

export function mayStart(policy: WithWindows, priority: Priority, nowMs: number): boolean {
  const own = windowsOf(policy, priority);
  return own.length === 0 || own.some((window) => isOpen(window, nowMs));
}

/**
 * How long a migration has waited for others, which is what `maxWait` counts: since its arrival, or since its window
 * opened if that was later. Those that waited for the night do not all overtake what is urgent when it falls.
 *
 * What `maxWait` promises. Let A be the moment at which a migration has waited so long, and count what shares a link with
 * it. From A on until it starts, only those start that came before it; so it starts no later than the last end of those
 * that ran at A and of those that came before it. Nothing that arrives later delays it any more, however urgent or
 * endless; at A the number of those that do is fixed, and each of them is promised the same.
 *
 * | runs at A, ends at | came before it, wait too | it starts |
 * |--------------------|--------------------------|-----------|
 * | nothing            | nobody                   | A |
 * | A + 20 s           | nobody                   | A + 20 s, if they exclude each other (serial, a cap); else A |
 * | A + 20 s           | one that takes 30 s      | A + 50 s, if they exclude each other; else with that one |
 *
 * Where all that run are capped (`caps.clusterWide`) a place must come free besides, on whatever link, and where its
 * destination is full there must be room. A window that closes ends the promise until it has been open for `maxWait`
 * again; where one ends as the next begins none closes. It holds among what Drover decides: nobody but Nova starts what is passed on, and a server that has a task or is
 * locked is not in the queue meanwhile.
 * test/unit/controller/plan/ageing.ts looks for a breach of it in what was played.
 */
export function waitedMs({ openSinceMs: opened }: StartTimes, receivedAtMs: number, nowMs: number): number {
  return nowMs - Math.max(receivedAtMs, opened);
}

function windowsOf({ windows }: WithWindows, priority: Priority): StartWindow[] {
  return windows.filter((window) => window.priority.includes(priority));
}
