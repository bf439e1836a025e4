import { assumedNeeds, fits, lacking, plus, roomiest } from '../../schedule/live/resources.ts';
import type { Resources } from '../../schedule/live/world.ts';
import { destinationsOf, type InFlightMigration, type QueuedMigration, type World } from './world.ts';

/** What it needs at its destination: what it holds on its host, or its memory where that was not asked yet. */
export function needsOf(
  { room }: Pick<World, 'room'>,
  { vmUuid, server }: Pick<InFlightMigration, 'vmUuid' | 'server'>,
): Resources {
  return room?.holds.get(vmUuid) ?? assumedNeeds(server);
}

/** The hosts among which Nova will choose, where none is named; empty: nobody knows. */
export function choicesOf(world: World, migration: QueuedMigration): string[] {
  const { room } = world;
  if (!room || migration.destination !== null) return [];
  return destinationsOf(world, migration).filter((name) => room.hosts.get(name)?.accepts ?? true);
}

/** Free now on each host that is known, with all that is on its way to it counted. */
export function freeNow(world: World): Map<string, Resources> {
  const { room } = world;
  const free = new Map([...(room?.hosts ?? [])].map(([name, host]) => [name, host.free]));
  if (!room) return free;
  for (const { host, needs } of room.arrived) take(free, host, needs);
  for (const flight of [...world.inFlight].sort((a, b) => a.id - b.id)) {
    if (room.settled.has(flight.vmUuid)) continue;
    const needs = needsOf(world, flight);
    take(free, flight.destination ?? assumed(free, [...free.keys()].sort(), flight.source, needs), needs);
  }
  return free;
}

/** Where Nova has not told yet: the roomiest, as it weighs by default. */
function assumed(free: ReadonlyMap<string, Resources>, names: readonly string[], source: string, needs: Resources) {
  const others = names.filter((name) => name !== source);
  return (
    others[
      roomiest(
        needs,
        [...others.keys()],
        others.map((name) => free.get(name)),
      ) ?? -1
    ] ?? null
  );
}

function take(free: Map<string, Resources>, host: string | null, needs: Resources): void {
  const before = host === null ? undefined : free.get(host);
  if (host !== null && before) free.set(host, plus(before, needs, -1));
}

/** Who takes whose room while a plan is made; begins with what is free now. */
export interface RoomBook {
  /** What there is too little of for it now, and where, in words; null: there is room. */
  lack(migration: QueuedMigration): string | null;
  take(migration: QueuedMigration): void;
}

export function roomBook(world: World): RoomBook {
  const free = freeNow(world);
  return { lack, take: (migration) => take(free, placeOf(migration), needsOf(world, migration)) };

  function placeOf(migration: QueuedMigration): string | null {
    const names = namesOf(migration);
    return (
      names[
        roomiest(
          needsOf(world, migration),
          [...names.keys()],
          names.map((name) => free.get(name)),
        ) ?? -1
      ] ?? null
    );
  }

  function namesOf(migration: QueuedMigration): string[] {
    return migration.destination === null ? choicesOf(world, migration) : [migration.destination];
  }

  function lack(migration: QueuedMigration): string | null {
    const needs = needsOf(world, migration);
    const names = namesOf(migration);
    if (names.length === 0 || names.some((name) => fits(needs, free.get(name) ?? null))) return null;
    return names.map((name) => shortage(name, needs, free.get(name) ?? {})).join('; ');
  }
}

/** `compute-2 has MEMORY_MB 128 of 256` */
export function shortage(host: string, needs: Resources, free: Resources): string {
  const amounts = lacking(needs, free).map((name) => `${name} ${Math.max(0, free[name] ?? 0)} of ${needs[name]}`);
  return `${host} has ${amounts.join(', ') || 'room'}`;
}
