import type { DestinationChoice, Reason } from '../../contract.ts';
import type { Policy } from '../../policy/schema.ts';
import { fits, plus } from '../../schedule/live/resources.ts';
import type { Resources } from '../../schedule/live/world.ts';
import { workloadOn } from './features.ts';
import { RANK } from './occupancy.ts';
import { freeNow, needsOf, shortage } from './room.ts';
import { destinationsOf, freshHost, priorityOf, type QueuedMigration, type World } from './world.ts';

/** What is known of one host as a destination for one migration. */
interface Option {
  host: string;
  /** Why it is not considered; null: it is. */
  out: Reason | null;
  /** As many as one link carries are on their way to it, or one of a higher priority, for which this one would wait. */
  isBusy: boolean;
  /** Share of its (host, rx) that the workload uses, 0-1. */
  use: number;
  /** On their way to it, or to start before this one. */
  coming: number;
  /** What is left of its link beside its workload, to each of those and this one, bit/s. */
  shareBitsPerSecond: number;
  freeMemoryMb: number;
}

/** Two that differ by less than this share of the widest link are equally contended: measured rates waver. */
const ALIKE = 0.01;
const MOST_REJECTED = 10;

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
  const placed = new Map<number, QueuedMigration>();
  const rank = (migration: QueuedMigration) => RANK[priorityOf(world, policy, migration).priority];
  const ranked = queue.filter(isOpen).map((migration) => ({ migration, rank: rank(migration) }));
  ranked.sort(
    (a, b) => a.rank - b.rank || a.migration.receivedAtMs - b.migration.receivedAtMs || a.migration.id - b.migration.id,
  );
  for (const { migration, rank: own } of ranked) {
    const { choice, reason } = choose(world, policy, book, migration, own);
    placed.set(migration.id, { ...migration, destination: choice?.host ?? null, placing: { choice, reason } });
    if (choice) book.add(choice.host, own, needsOf(world, migration));
  }
  return queue.map((migration) => placed.get(migration.id) ?? migration);
}

function isOpen({ destination, choosable }: QueuedMigration): boolean {
  return destination === null && choosable === true;
}

interface Book {
  /** Share of (host, rx) that its workload uses and the rate of the link; null: there is no fresh sample. */
  links: ReadonlyMap<string, { use: number; linkBitsPerSecond: number } | null>;
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
  const links = new Map(
    [...world.hosts.keys()].map((name) => {
      const sampled = freshHost(world, policy, name);
      if (!sampled) return [name, null];
      const { linkBitsPerSecond } = sampled.info;
      return [name, { use: Math.min(1, workloadOn(sampled, 'rx') / linkBitsPerSecond), linkBitsPerSecond }];
    }),
  );
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
  return { links, coming, highest, free, add };
}

function choose(
  world: World,
  policy: Policy,
  book: Book,
  migration: QueuedMigration,
  rank: number,
): { choice: DestinationChoice | null; reason: Reason } {
  if (!world.room) {
    const text = 'Placement does not tell which hosts have room: Nova chooses the destination';
    return { choice: null, reason: { code: 'destination-kept', text } };
  }
  const options = destinationsOf(world, migration).map((host) => optionOf(world, policy, book, migration, rank, host));
  const considered = options.filter(({ out }) => out === null);
  const widest = Math.max(1, ...considered.map(({ shareBitsPerSecond }) => shareBitsPerSecond));
  const step = (option: Option) => Math.round(option.shareBitsPerSecond / (ALIKE * widest));
  considered.sort(
    (a, b) =>
      Number(a.isBusy) - Number(b.isBusy) ||
      step(b) - step(a) ||
      a.coming - b.coming ||
      b.freeMemoryMb - a.freeMemoryMb ||
      (a.host < b.host ? -1 : 1),
  );
  const [best, ...others] = considered;
  const out = options.flatMap(({ host, out: reason }) => (reason ? [{ host, reason }] : []));
  if (!best) {
    const text = `of no host is it known that Nova would take it: Nova chooses the destination (${out.map(({ reason }) => reason.text).join('; ') || 'there is no other host'})`;
    return { choice: null, reason: { code: 'destination-kept', text } };
  }
  const rejected = others.map((other) => ({
    host: other.host,
    reason: {
      code:
        other.isBusy && !best.isBusy ? 'link-busy' : step(other) < step(best) ? 'more-contended' : 'equally-contended',
      text: `${described(other)}; ${described(best)}`,
    },
  }));
  const reason = {
    code: 'destination-least-contended',
    text: `${best.host}, the least contended of ${considered.length}: ${described(best)}`,
  };
  return { choice: { host: best.host, rejected: [...rejected, ...out].slice(0, MOST_REJECTED) }, reason };
}

function optionOf(
  world: World,
  policy: Policy,
  book: Book,
  migration: QueuedMigration,
  rank: number,
  host: string,
): Option {
  const { caps } = policy;
  const { use, linkBitsPerSecond } = book.links.get(host) ?? { use: 1, linkBitsPerSecond: 0 };
  const { coming, highest, free } = book;
  const count = coming.get(host) ?? 0;
  return {
    host,
    out: whyOut(world, book, migration, host),
    isBusy:
      count >= Math.min(caps.parallelPerLink, caps.perDestination ?? caps.parallelPerLink) ||
      (highest.get(host) ?? Number.POSITIVE_INFINITY) < rank,
    use,
    coming: count,
    shareBitsPerSecond: ((1 - use) * linkBitsPerSecond) / (1 + count),
    freeMemoryMb: free.get(host)?.MEMORY_MB ?? 0,
  };
}

function whyOut(world: World, { free, links }: Book, migration: QueuedMigration, host: string): Reason | null {
  const told = world.room?.hosts.get(host);
  const zone = world.room?.hosts.get(migration.source)?.zone ?? null;
  const room = free.get(host);
  if (!told || !room) return { code: 'room-unknown', text: `Placement does not tell of ${host}` };
  if (!told.accepts) return { code: 'host-disabled', text: `nova-compute on ${host} is disabled or down` };
  if (zone !== null && told.zone !== zone) {
    return { code: 'other-zone', text: `${host} is in zone ${told.zone ?? 'none'}, its source in ${zone}` };
  }
  if (!links.get(host)) return { code: 'no-sample', text: `there is no fresh sample of ${host}` };
  const needs = needsOf(world, migration);
  return fits(needs, room) ? null : { code: 'no-room', text: shortage(host, needs, room) };
}

function described({ host, use, coming, shareBitsPerSecond, isBusy }: Option): string {
  const others =
    coming === 0 ? 'nobody else comes' : `${coming} come${coming === 1 ? 's' : ''}${isBusy ? ' first' : ''}`;
  return `${host} rx ${(100 * use).toFixed(0)} % used, ${others}, ${(shareBitsPerSecond / 1e6).toFixed(0)} Mbit/s each`;
}
