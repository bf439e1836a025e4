import { type Finding, ok, warn } from '../finding.ts';

/** A blackout is told from the clocks of two hosts; one of 50 ms drowns in more than this. */
const USEFUL_ERROR_MS = 50;

export function judgeClock({ synchronised, maxErrorMs }: { synchronised: boolean; maxErrorMs: number }): Finding {
  const todo = 'Run chrony or systemd-timesyncd on every compute host, against the same servers.';
  if (!synchronised) {
    return warn('clock', 'not synchronised: times of two hosts cannot be compared, nor a blackout told', todo);
  }
  if (maxErrorMs > USEFUL_ERROR_MS) {
    return warn('clock', `synchronised, with an error of up to ${Math.round(maxErrorMs)} ms`, todo);
  }
  return ok('clock', `synchronised, error at most ${maxErrorMs.toFixed(1)} ms`);
}
