import type { Priority, WhatIfRequest } from '../contract.ts';
import { DroverError } from '../errors.ts';
import { asAskedFor, isEarly } from './outlook.ts';
import type { QueuedMigration, World } from './plan/world.ts';
import type { Entry } from './queue.ts';

/**
 * Those that wait or run and are asked about with another priority. One that is to start later stands in no plan yet: it is
 * given as if it were asked for now.
 *
 * @throws DroverError `migration-unknown` for what waits and runs not (any more), `migration-not-begun` for what is being
 * started or decided right now, `request-invalid` for what is named twice.
 */
export function supposedPriorities(
  asked: NonNullable<WhatIfRequest['priorities']>,
  world: Pick<World, 'nowMs' | 'queue' | 'inFlight'>,
  entries: readonly Entry[],
): { priorities: Map<number, Priority>; later: QueuedMigration[] } {
  const priorities = new Map<number, Priority>();
  const later: QueuedMigration[] = [];
  const planned = new Set([...world.queue, ...world.inFlight].map(({ id }) => id));
  for (const { id, priority } of asked) {
    if (priorities.has(id)) throw new DroverError('request-invalid', `migration ${id} is named twice`);
    const entry = entries.find((one) => one.id === id);
    if (!entry) throw new DroverError('migration-unknown', `migration ${id} neither waits nor runs`);
    if (!planned.has(id)) {
      if (entry.state !== 'queued' || !isEarly(entry, world.nowMs)) {
        const text = `migration ${id} is being decided right now: ask again in a second`;
        throw new DroverError('migration-not-begun', text);
      }
      later.push({ ...asAskedFor(entry), receivedAtMs: world.nowMs, asked: { priority } });
    }
    priorities.set(id, priority);
  }
  return { priorities, later };
}
