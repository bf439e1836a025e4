import type { QueuedMigration, World } from '../world.ts';
import type { Place, Started, View } from './view.ts';

const MIB = 2 ** 20;

/** It goes to Nova though there is no room: nothing gives it any, or nobody can look ahead. */
const LEFT_TO_NOVA = ['room-never', 'room-unforeseen'];

type Amounts = Readonly<Record<string, number>>;

/** One that starts has room on its host beside all that is on its way there, unless nothing could ever give it room. */
export function checkRoom(world: World, view: View, started: Started): string[] {
  const places = placesOf(world, started);
  if (places.length === 0) return [];
  if (isLeftToNova(started)) return [];
  const others = view.starts.filter((other) => other.id !== started.id && !isLeftToNova(other));
  const hasRoom = places.some((name) => shortOn(world, started, name, others).length === 0);
  if (hasRoom) return [];
  // Of those that start together somebody else may have taken the room of one that needs none.
  const alone = places.some((name) => shortOn(world, started, name, []).length === 0);
  return [`${started.id}: starts without room on ${places.join(', ')}${alone ? ' beside the others' : ''}`];
}

function isLeftToNova({ decision }: Started): boolean {
  return decision.reasons.some(({ code }) => LEFT_TO_NOVA.includes(code));
}

/** Whether nothing of it fits anywhere beside what is on its way and what starts: then it may wait for that. */
export function lacksRoom(world: World, { starts }: View, waiting: QueuedMigration): boolean {
  const places = placesOf(world, waiting);
  return places.length > 0 && places.every((name) => shortOn(world, waiting, name, starts, true).length > 0);
}

/** Named, or all that Nova may choose; without one that is not known, which always has room. */
function placesOf({ room, hosts }: World, { source, destination, candidates }: QueuedMigration): string[] {
  if (!room) return [];
  const among = destination === null ? [...(candidates ?? hosts.keys())] : [destination];
  const places = among.filter((name) => name !== source || destination !== null);
  const open = destination === null ? places.filter((name) => room.hosts.get(name)?.accepts !== false) : places;
  return open.every((name) => room.hosts.has(name)) ? open : [];
}

/**
 * The classes of which there is not enough for it on a host after all that comes there.
 *
 * @param mayCome those count too whose destination Nova has yet to choose.
 */
function shortOn(
  world: World,
  own: QueuedMigration,
  host: string,
  starts: readonly (QueuedMigration & Place)[],
  mayCome = false,
): string[] {
  const { room, inFlight } = world;
  const free = room?.hosts.get(host)?.free;
  if (!room || !free) return [];
  const wants = wantedBy(world, own.vmUuid, own.server.memoryBytes);
  const comes = ({ source, destination }: Place) =>
    destination === host || (mayCome && destination === null && source !== host);
  const coming = [
    ...room.arrived.filter((each) => each.host === host).map((each) => each.needs),
    ...inFlight
      .filter((each) => comes(each) && !room.settled.has(each.vmUuid))
      .map((each) => wantedBy(world, each.vmUuid, each.server?.memoryBytes ?? 0)),
    ...starts.filter(comes).map((each) => wantedBy(world, each.vmUuid, each.server.memoryBytes)),
  ];
  return Object.keys(wants).filter((name) => {
    if (!(name in free)) return (wants[name] ?? 0) > 0;
    const taken = coming.reduce((sum, each) => sum + (each[name] ?? 0), 0);
    return (free[name] ?? 0) - taken < (wants[name] ?? 0);
  });
}

/** What a server takes of a host; without Placement's word on it, its memory. */
export function wantedBy({ room }: World, vmUuid: string, memoryBytes: number): Amounts {
  return room?.holds.get(vmUuid) ?? { MEMORY_MB: Math.ceil(memoryBytes / MIB) };
}
