import type { ServerView } from 'drover-plugin/contract';
import type { AskedVm } from './ask.ts';

/** Servers that nobody was asked for yet. Pure. */
export function askedVms(servers: readonly ServerView[]): AskedVm[] {
  return servers.map(({ id, name, projectId, host }) => ({
    id,
    name,
    projectId,
    host,
    submission: 'pending',
    refusal: null,
    migration: null,
    cancel: null,
    raise: null,
    toldEvent: 0,
    progress: null,
  }));
}
