import type { Priority } from '../../contract.ts';
import { shareLink } from '../../model/share.ts';
import type { Policy } from '../../policy/schema.ts';
import { amountOn } from '../../policy/units.ts';
import { uplinksOf } from '../../policy/uplinks.ts';
import type { LiveHost, LiveLink, LiveUplink } from '../../schedule/live/world.ts';
import { linkReservation, novaLimit } from './decide.ts';
import { workloadOn } from './features.ts';
import { freeNow } from './room.ts';
import { linkKey, sampledHost, type World } from './world.ts';

/** Where those go whose destination Nova has not chosen: it has no link, and the room of one of their `choices`. */
export const ANYWHERE = '';

/** The links and hosts of a plan that looks ahead, numbered as they are asked for. */
export interface LiveNetwork {
  links: LiveLink[];
  /** As in `uplinksOf`; how one crosses them says `uplinkUseOf`. */
  uplinks: readonly LiveUplink[];
  hosts: LiveHost[];
  /** What a migration is guaranteed on each link beside a higher one, bit/s. */
  floors: number[];
  linkOf(host: string, direction: 'tx' | 'rx'): number;
  hostOf(name: string): number;
}

/**
 * What the workload leaves on each link to migrations of each priority, from its measured traffic and Algorithm 2. A link
 * that nobody has measured is taken to carry what the best measured one does: what is known of the other end decides.
 */
export function liveNetwork(world: World, policy: Policy): LiveNetwork {
  const links: LiveLink[] = [];
  const hosts: LiveHost[] = [];
  const floors: number[] = [];
  const linkNumbers = new Map<string, number>();
  const hostNumbers = new Map<string, number>();
  const free = freeNow(world);
  const { parallelPerLink, perSource, perDestination } = policy.caps;
  const best = Math.max(
    1,
    ...[...world.hosts.keys()].map((name) => sampledHost(world, name)?.info.shapeableBitsPerSecond ?? 0),
  );
  const uplinks = uplinksOf(policy.switches).map(({ key: name, bitsPerSecond }) => ({ name, bitsPerSecond }));
  return { links, uplinks, hosts, floors, linkOf, hostOf };

  function linkOf(host: string, direction: 'tx' | 'rx'): number {
    const name = linkKey(host, direction);
    const known = linkNumbers.get(name);
    if (known !== undefined) return known;
    const cap = (direction === 'tx' ? perSource : perDestination) ?? parallelPerLink;
    const mostMigrations = Math.min(parallelPerLink, cap);
    const capacity = sampledHost(world, host)?.info.shapeableBitsPerSecond || best;
    const bitsPerSecond = { high: 0, medium: 0, low: 0 };
    for (const priority of ['high', 'medium', 'low'] as const) {
      bitsPerSecond[priority] = freeFor(host, direction, priority) ?? capacity;
    }
    const number = links.push({ name, bitsPerSecond, mostMigrations }) - 1;
    const lowest = Math.min(bitsPerSecond.high, bitsPerSecond.medium, bitsPerSecond.low);
    floors.push(Math.min(amountOn(policy.floor, capacity), lowest / mostMigrations));
    linkNumbers.set(name, number);
    return number;
  }

  function freeFor(name: string, direction: 'tx' | 'rx', priority: Priority): number | null {
    const host = sampledHost(world, name);
    if (!host || !(host.info.shapeableBitsPerSecond > 0)) return null;
    const all = host.info.shapeableBitsPerSecond;
    const reservation = linkReservation(world, policy, priority, name, direction);
    const demand = { migrationBitsPerSecond: all, workloadBitsPerSecond: workloadOn(host, direction) };
    return shareLink(all, reservation, demand).migrationBitsPerSecond;
  }

  function hostOf(name: string): number {
    const known = hostNumbers.get(name);
    if (known !== undefined) return known;
    const limit = name === ANYWHERE ? 0 : novaLimit(world, name);
    const mostLeaving = limit > 0 ? limit : Number.POSITIVE_INFINITY;
    const number = hosts.push({ name, free: free.get(name) ?? null, mostLeaving }) - 1;
    hostNumbers.set(name, number);
    return number;
  }
}
