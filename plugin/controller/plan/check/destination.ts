import type { Policy } from '../../../policy/schema.ts';
import type { World } from '../world.ts';
import { wantedBy } from './room.ts';
import type { Started, View } from './view.ts';

/** Rates waver by so much, as a share of the link; the choice itself takes one hundredth for alike. */
const CLEARLY = 0.05;

/**
 * A host that was chosen is one that Nova would take as far as is known, and no other is plainly less contended: one that
 * nobody goes to and whose workload uses clearly less of its link.
 */
export function checkDestination(world: World, policy: Policy, { running, held }: View, started: Started): string[] {
  const host = started.decision.destination?.host;
  if (host === undefined) return [];
  const { id, source, choosable, candidates } = started;
  const asked = world.queue.find((one) => one.id === id)?.destination ?? null;
  const broken: string[] = [];
  if (policy.destination !== 'least-contended' || choosable !== true || asked !== null) {
    broken.push(`${id}: its destination may not be chosen`);
  }
  if (!isTaken(world, policy, started, host)) broken.push(`${id}: ${host} may not take it`);
  const isGoneTo = (name: string) => [...running, ...held].some((other) => other.destination === name);
  const left = leftOn(world, host);
  const better = (candidates ?? [...world.hosts.keys()]).find(
    (name) =>
      name !== host &&
      name !== source &&
      isTaken(world, policy, started, name) &&
      !isGoneTo(name) &&
      left !== null &&
      (leftOn(world, name) ?? 0) > left + CLEARLY * capacityOf(world, name) &&
      hasRoomAlone(world, started, name),
  );
  if (better !== undefined) broken.push(`${id}: goes to ${host}, though ${better} is less contended`);
  return broken;
}

function isTaken({ room, hosts, nowMs }: World, policy: Policy, { source }: Started, name: string): boolean {
  const [told, own, host] = [room?.hosts.get(name), room?.hosts.get(source), hosts.get(name)];
  if (!told?.accepts || name === source) return false;
  if (own && own.zone !== null && told.zone !== own.zone) return false;
  if (!host?.info || !host.sample || !(host.info.linkBitsPerSecond > 0)) return false;
  return Math.max(nowMs - host.sampleAtMs, 0) + host.sample.ageMs <= policy.stale.maxAgeMs;
}

/** What its workload leaves of a host's ingress link; null: it is held back, so nobody knows how much it would use. */
function leftOn(world: World, name: string): number | null {
  const host = world.hosts.get(name);
  if (!host?.sample || host.sample.reserved.rx !== null) return null;
  return Math.max(0, capacityOf(world, name) - host.sample.nic.workloadRxBitsPerSecond);
}

function capacityOf(world: World, name: string): number {
  return world.hosts.get(name)?.info?.linkBitsPerSecond ?? 0;
}

/** For all that comes there, whatever its needs are, and for this one. */
function hasRoomAlone(world: World, { vmUuid, server }: Started, name: string): boolean {
  const { room, inFlight } = world;
  const free = room?.hosts.get(name)?.free;
  if (!room || !free) return false;
  const isQuiet =
    !room.arrived.some(({ host }) => host === name) &&
    !inFlight.some((other) => other.destination === null || other.destination === name);
  const needs = wantedBy(world, vmUuid, server.memoryBytes);
  return isQuiet && Object.entries(needs).every(([resource, amount]) => (free[resource] ?? 0) >= amount);
}
