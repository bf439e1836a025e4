import type { Priority, Reason } from '../../contract.ts';
import type { World } from './world.ts';

/** The world in which some of those that wait or run have another priority, as `PATCH /v1/migrations` would give it. Pure. */
export function withPriorities(world: World, priorities: ReadonlyMap<number, Priority>): World {
  return {
    ...world,
    queue: world.queue.map((one) => {
      const priority = priorities.get(one.id);
      return priority === undefined ? one : { ...one, asked: { ...one.asked, priority } };
    }),
    inFlight: world.inFlight.map((one) => {
      const priority = priorities.get(one.id);
      if (priority === undefined || one.decision === null) return one;
      return { ...one, decision: { ...one.decision, priority, priorityReason: supposed(priority) } };
    }),
  };
}

/** The world without them. Pure. */
export function without(world: World, ids: ReadonlySet<number>): World {
  return {
    ...world,
    queue: world.queue.filter(({ id }) => !ids.has(id)),
    inFlight: world.inFlight.filter(({ id }) => !ids.has(id)),
  };
}

function supposed(priority: Priority): Reason {
  return { code: 'priority-supposed', text: `supposed: ${priority}` };
}
