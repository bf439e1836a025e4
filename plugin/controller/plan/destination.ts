import { Priority } from '../../contract.ts';
import type { Policy } from '../../policy/schema.ts';
import { plus } from '../../schedule/live/resources.ts';
import type { Resources } from '../../schedule/live/world.ts';
import { choose, type Uses } from './chooser.ts';
import { workloadOn } from './features.ts';
import { RANK } from './occupancy.ts';
import { freeNow, needsOf } from './room.ts';
import {
  type Choosing,
  destinationsOf,
  freshHost,
  type HostChoosing,
  priorityOf,
  type QueuedMigration,
  type World,
} from './world.ts';

/**
 * Names the destination of each that may have one chosen (`destination: least-contended`): of the hosts that Nova would
 * take as far as is known, the one that leaves it most of its (host, rx). Those of a higher priority choose first, then by
 * arrival; each counts what was planned before it. Pure; the same world gives the same hosts.
 *
 * Links of 500 Mbit/s:
 *
 * | host      | workload rx | on their way | left to each | chosen                       |
 * |-----------|-------------|--------------|--------------|------------------------------|
 * | compute-2 | 60 %        | 0            | 200 Mbit/s   |                              |
 * | compute-3 | 10 %        | 1            | 225 Mbit/s   | yes                          |
 * | compute-4 | 10 %        | 1 (a higher) | 225 Mbit/s   | it would wait there          |
 * | compute-5 | 0 %         | 0            | 500 Mbit/s   | has no room                  |
 *
 * Where none is left, Nova chooses, as with `keep`.
 */
export function withDestinations(world: World, policy: Policy, queue: readonly QueuedMigration[]): QueuedMigration[] {
  if (policy.destination === 'keep' || !queue.some(isOpen)) return [...queue];
  const book = bookOf(world, policy, queue);
  const uses = usesOf(world, policy);
  const placed = new Map<number, QueuedMigration>();
  const rank = (migration: QueuedMigration) => RANK[priorityOf(world, policy, migration).priority];
  const ranked = queue.filter(isOpen).map((migration) => ({ migration, rank: rank(migration) }));
  ranked.sort(
    (a, b) => a.rank - b.rank || a.migration.receivedAtMs - b.migration.receivedAtMs || a.migration.id - b.migration.id,
  );
  for (const { migration, rank: own } of ranked) {
    const chosen = placedBy({ world, policy, uses }, migration, own, choosingOf(world, book, migration));
    placed.set(migration.id, chosen);
    if (chosen.destination !== null) book.add(chosen.destination, own, needsOf(world, migration));
  }
  return queue.map((migration) => placed.get(migration.id) ?? migration);
}

/**
 * What the destination of one was chosen from, or could have been where Nova chooses (`keep`): without that nobody could
 * say later what another policy would have chosen. Null where one was asked for, or Placement does not tell.
 *
 * @param queue as `withDestinations` made it.
 */
export function choosings(
  world: World,
  policy: Policy,
  queue: readonly QueuedMigration[],
): (migration: QueuedMigration) => Choosing | null {
  let book: Book | null = null;
  return (migration) => {
    if (migration.placing) return migration.placing.choosing;
    if (!isOpen(migration) || !world.room) return null;
    // Most rounds start nothing of which it is needed.
    book ??= bookOf(world, policy, queue);
    return choosingOf(world, book, migration);
  };
}

/** One whose destination was open, chosen for as this policy would have, from what it was chosen from then. Pure. */
export function chosenFrom(
  world: World,
  policy: Policy,
  migration: QueuedMigration,
  choosing: Choosing,
): QueuedMigration {
  if (policy.destination === 'keep') return migration;
  const rank = RANK[priorityOf(world, policy, migration).priority];
  return placedBy({ world, policy, uses: usesOf(world, policy) }, migration, rank, choosing);
}

function isOpen({ destination, choosable }: QueuedMigration): boolean {
  return destination === null && choosable === true;
}

function usesOf(world: World, policy: Policy): Uses {
  return new Map(
    [...world.hosts.keys()].map((name) => {
      const sampled = freshHost(world, policy, name);
      if (!sampled) return [name, null];
      const { linkBitsPerSecond } = sampled.info;
      return [name, { use: Math.min(1, workloadOn(sampled, 'rx') / linkBitsPerSecond), linkBitsPerSecond }];
    }),
  );
}

interface Book {
  coming: Map<string, number>;
  /** The highest of those that are on their way to a host. */
  highest: Map<string, number>;
  free: Map<string, Resources>;
  add(host: string, rank: number, needs: Resources): void;
}

/** Who is on the way to each host, and who waits for it by name. */
function bookOf(world: World, policy: Policy, queue: readonly QueuedMigration[]): Book {
  const coming = new Map<string, number>();
  const highest = new Map<string, number>();
  const free = freeNow(world);
  const count = (host: string, rank: number) => {
    coming.set(host, (coming.get(host) ?? 0) + 1);
    highest.set(host, Math.min(highest.get(host) ?? rank, rank));
  };
  const add = (host: string, rank: number, needs: Resources) => {
    count(host, rank);
    const before = free.get(host);
    if (before) free.set(host, plus(before, needs, -1));
  };
  for (const { destination, decision } of world.inFlight) {
    if (destination !== null) count(destination, decision ? RANK[decision.priority] : RANK.low);
  }
  for (const migration of queue) {
    if (migration.destination === null) continue;
    add(migration.destination, RANK[priorityOf(world, policy, migration).priority], needsOf(world, migration));
  }
  return { coming, highest, free, add };
}

/** Null: Placement does not tell. */
function choosingOf(world: World, { coming, highest, free }: Book, migration: QueuedMigration): Choosing | null {
  const { room } = world;
  if (!room) return null;
  const hosts = destinationsOf(world, migration).flatMap((name): [string, HostChoosing][] => {
    const told = room.hosts.get(name);
    const left = free.get(name);
    if (!told || !left) return [];
    const { accepts, zone } = told;
    const first = highest.get(name);
    const seen = { coming: coming.get(name) ?? 0, highest: Priority.options[first ?? -1] ?? null };
    return [[name, { accepts, zone, free: left, ...seen }]];
  });
  const zone = room.hosts.get(migration.source)?.zone ?? null;
  return { needs: needsOf(world, migration), zone, hosts: Object.fromEntries(hosts) };
}

function placedBy(
  { world, policy, uses }: { world: World; policy: Policy; uses: Uses },
  migration: QueuedMigration,
  rank: number,
  choosing: Choosing | null,
): QueuedMigration {
  const names = destinationsOf(world, migration);
  const { choice, reason } = choose(policy, uses, names, rank, choosing);
  return { ...migration, destination: choice?.host ?? null, placing: { choice, reason, choosing } };
}
