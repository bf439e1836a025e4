import type { ServerView } from 'drover-plugin/contract';
import { nearestNames } from './nearest.ts';

export interface Drain {
  /** Null: the host is there. */
  unknown: { written: string; nearest: string[] } | null;
  /** Those that move. */
  servers: ServerView[];
  /** Those on the host that cannot be migrated live. */
  staying: { server: ServerView; why: string }[];
}

/** What Nova migrates live (nova/compute/api.py, live_migrate: check_instance_state). */
const MOVABLE = ['ACTIVE', 'PAUSED'];

/** Which servers a drain of a host moves; `hosts` are all names of compute hosts. */
export function drainOf(host: string, servers: readonly ServerView[], hosts: readonly string[]): Drain {
  const there = servers.filter((server) => server.host === host);
  const known = there.length > 0 || hosts.includes(host);
  return {
    unknown: known ? null : { written: host, nearest: nearestNames(host, hosts) },
    servers: there.filter(({ status }) => MOVABLE.includes(status)),
    staying: there
      .filter(({ status }) => !MOVABLE.includes(status))
      .map((server) => ({ server, why: `it is ${server.status}: only what is ACTIVE or PAUSED migrates live` })),
  };
}
