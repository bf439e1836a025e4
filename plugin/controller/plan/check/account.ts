import type { Action, QueuedMigration, World } from '../world.ts';

/** A queued migration gets one answer, and only what must is passed on. */
export function checkAnswers(world: World, actions: readonly Action[], migration: QueuedMigration): string[] {
  const own = actions.filter(({ id, kind }) => id === migration.id && kind !== 'adjust');
  const broken = own.length === 1 ? [] : [`${migration.id}: has ${own.length} answers`];
  const mustPass = !world.policy || !someHostAnswers(world, migration);
  if (own.some(({ kind }) => (kind === 'pass') !== mustPass)) {
    broken.push(`${migration.id}: ${mustPass ? 'must be passed on' : 'is passed on without need'}`);
  }
  return broken;
}

/** What is queued is answered, and only what is in flight with a decision is adjusted. */
export function checkKnown(world: World, actions: readonly Action[]): { id: number; text: string }[] {
  const queued = new Set(world.queue.map(({ id }) => id));
  const decided = new Set(world.inFlight.filter(({ decision }) => decision).map(({ id }) => id));
  return actions
    .filter(({ id, kind }) => !(kind === 'adjust' ? decided : queued).has(id))
    .map(({ id, kind }) => ({ id, text: `${id}: ${kind} of something unknown` }));
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
