import type { Health } from '../contract.ts';
import type { PolicyFiles } from '../policy/watch.ts';
import type { Tracker } from '../tracker/tracker.ts';

/** What an operator should look at; `others` are problems of other parts, empty where there is none. */
export function healthOf(
  tracker: Tracker,
  policy: PolicyFiles,
  others: readonly (string | null | undefined)[] = [],
): Health {
  const silent = [...tracker.hosts].filter(([, host]) => !host.reachable).map(([name]) => `hostd on ${name} is silent`);
  const problems = [
    ...(policy.policy === null ? ['no policy is in effect'] : []),
    ...silent,
    ...others.filter((problem) => typeof problem === 'string'),
  ];
  return { status: problems.length === 0 ? 'ok' : 'degraded', problems };
}
