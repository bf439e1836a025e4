import type { ServerView } from '../../../plugin/contract.ts';

let count = 0;

/** A server with an id of its own. */
export function server(name: string, changes: Partial<ServerView> = {}): ServerView {
  count += 1;
  return {
    id: `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`,
    name,
    projectId: 'p1',
    host: 'compute-1',
    status: 'ACTIVE',
    flavorName: 'm1.small',
    memoryBytes: 2 ** 31,
    ...changes,
  };
}
