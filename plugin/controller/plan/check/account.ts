import type { Action, QueuedMigration, World } from '../world.ts';

/** Every queued migration gets one answer, only those in flight are adjusted, and only what must is passed on. */
export function accountFor(world: World, actions: readonly Action[]): string[] {
  const broken: string[] = [];
  for (const migration of world.queue) {
    const own = actions.filter(({ id, kind }) => id === migration.id && kind !== 'adjust');
    if (own.length !== 1) broken.push(`${migration.id}: has ${own.length} answers`);
    const mustPass = !world.policy || !someHostAnswers(world, migration);
    if (own.some(({ kind }) => (kind === 'pass') !== mustPass)) {
      broken.push(`${migration.id}: ${mustPass ? 'must be passed on' : 'is passed on without need'}`);
    }
  }
  const queued = new Set(world.queue.map(({ id }) => id));
  const decided = new Set(world.inFlight.filter(({ decision }) => decision).map(({ id }) => id));
  for (const { id, kind } of actions) {
    if (!(kind === 'adjust' ? decided : queued).has(id)) broken.push(`${id}: ${kind} of something unknown`);
  }
  return broken;
}

function someHostAnswers(world: World, migration: QueuedMigration): boolean {
  const ends = new Set(migration.destination === null ? (migration.candidates ?? world.hosts.keys()) : []);
  ends.add(migration.destination ?? migration.source).add(migration.source);
  return [...ends].some((name) => {
    const host = world.hosts.get(name);
    if (!host?.info || !host.sample || !(host.info.linkBitsPerSecond > 0)) return false;
    return host.reachable;
  });
}
