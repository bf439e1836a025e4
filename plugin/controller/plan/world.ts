import type { HostInfo, HostSample, VmSample } from 'drover-hostd/contract';
import type { Contention, Decision, DestinationChoice, Priority, Reason } from '../../contract.ts';
import type { Calibration } from '../../model/calibrate.ts';
import { type Circumstances, matchPriority, type PriorityMatch, type ServerFacts } from '../../policy/match.ts';
import type { Policy } from '../../policy/schema.ts';
import type { Resources } from '../../schedule/live/world.ts';

/** Everything that a plan is made from, at one moment. `AtMs` is Unix time on the plugin's clock. */
export interface World {
  nowMs: number;
  /** Null: none was ever loaded. */
  policy: Policy | null;
  /** Asked for and not yet given to Nova. */
  queue: readonly QueuedMigration[];
  /** When those arrived that are being admitted and do not stand in the queue yet; default: nobody. */
  arriving?: readonly number[];
  /** Given to Nova and not yet ended. */
  inFlight: readonly InFlightMigration[];
  /** By Nova's host name. */
  hosts: ReadonlyMap<string, WorldHost>;
  /** By `linkKey`: what `contentionLevels` said after the plan before. */
  previousContention: ReadonlyMap<string, Contention>;
  /** What finished migrations have taught; default: nothing yet. */
  calibration?: Calibration;
  /** Free memory, vCPUs and more of the hosts; absent or null: nobody tells, and Nova alone decides. */
  room?: Room | null;
}

/** A batch is kept open for so long at most for one that arrived in its window and is still being admitted. */
export const ADMITTED_WITHIN_MS = 1000;

export interface QueuedMigration {
  id: number;
  vmUuid: string;
  source: string;
  /** Null: the caller named none, Nova will choose. */
  destination: string | null;
  receivedAtMs: number;
  server: ServerFacts & { memoryBytes: number };
  /** Where Nova may put it if there is no destination; default: every other host. */
  candidates?: readonly string[];
  paused?: boolean;
  /** When it must have ended; absent or null: the policy's default for its priority. */
  deadlineAtMs?: number | null;
  /** Its caller has a 202: it can no longer be refused. */
  deferred?: boolean;
  /** Drover may name its destination, if the policy says so: Nova verifies it, and may be asked again without. */
  choosable?: boolean;
  /** What was chosen for it, or why nothing was, and what that was chosen from. */
  placing?: { choice: DestinationChoice | null; reason: Reason; choosing: Choosing | null };
  /** What was asked for beyond what the policy says. */
  asked?: { priority: Priority | null } | null | undefined;
}

/** A migration's ends; the hosts that it may go to where none is known yet. */
export type Way = Pick<QueuedMigration, 'source' | 'destination' | 'candidates'>;

export interface InFlightMigration {
  id: number;
  vmUuid: string;
  source: string;
  destination: string | null;
  /** Null: passed to Nova unchanged. */
  decision: Decision | null;
  /** Since when Nova has it, Unix time in ms. */
  submittedAtMs?: number | null;
  server?: { memoryBytes: number };
  /** What its source's hostd says of the stream; absent or null: it has not begun, or nobody can tell. */
  stream?: { transferredBytes: number; remainingBytes: number } | null;
}

export interface WorldHost {
  info: HostInfo | null;
  /** The newest one there was. */
  sample: HostSample | null;
  /** When that sample came. */
  sampleAtMs: number;
  /** When its hostd last stopped answering, null if it never did. */
  linkLostAtMs: number | null;
  reachable: boolean;
}

/** What Placement and Nova told of the compute hosts, at one moment. */
export interface Room {
  /** By Nova's host name. */
  hosts: ReadonlyMap<string, HostRoom>;
  /** What a server holds on its host, by its uuid; absent: not asked yet. */
  holds: ReadonlyMap<string, Resources>;
  /** Servers on their way that hold their place at the destination already: it is gone from `free`. */
  settled: ReadonlySet<string>;
  /** Servers that have come to a host since then, so that their place is not gone from `free` yet. */
  arrived: readonly { vmUuid: string; host: string; needs: Resources }[];
}

export interface HostRoom {
  /** (total - reserved) × allocation ratio - used, by resource class. */
  free: Resources;
  /** Availability zone, null: none is told. */
  zone: string | null;
  /** Its nova-compute is enabled and up. */
  accepts: boolean;
}

/**
 * What a destination is chosen from, besides the samples of the hosts: as it was for one migration at one moment, what is
 * on its way there and what was planned before it counted. Plain JSON, for the store.
 */
export interface Choosing {
  /** What it needs at its destination. */
  needs: Resources;
  /** Of its source; null: none is told. */
  zone: string | null;
  /** By name, those of which Placement tells. */
  hosts: Record<string, HostChoosing>;
}

export interface HostChoosing {
  accepts: boolean;
  zone: string | null;
  free: Resources;
  /** So many are on their way to it, or were to start before. */
  coming: number;
  /** The highest priority among those; null: nobody comes. */
  highest: Priority | null;
}

/**
 * What to do now. `start`: reserve and give it to Nova. `hold`: keep it waiting, until that time or, if null, until
 * something ends or changes. `adjust`: change the reservation of one in flight. `pass`: give it to Nova unchanged. `refuse`: it cannot keep its deadline
 * and the policy says that such are refused. `warning`: its deadline is in danger.
 */
export type Action =
  | {
      kind: 'start';
      id: number;
      decision: Decision;
      warning: Reason | null;
      /** Where none was asked for and Placement tells: what its destination was, or could have been, chosen from. */
      choosing?: Choosing;
    }
  | {
      kind: 'hold';
      id: number;
      untilMs: number | null;
      reason: Reason;
      warning: Reason | null;
      /** The host that is chosen for it as things stand. */
      chosen?: string;
    }
  | { kind: 'refuse'; id: number; reason: Reason }
  | { kind: 'adjust'; id: number; reservation: Decision['reservation'] }
  | { kind: 'pass'; id: number; reason: Reason };

/** A host that has been measured at least once. */
export type SampledHost = WorldHost & { info: HostInfo; sample: HostSample };

/** Where and when the policy's rules are asked about a migration. */
export function circumstances(world: World, { source }: { source: string }): Circumstances {
  return { host: source, nowMs: world.nowMs };
}

/** The priority that was asked for, else what the policy says. */
export function priorityOf(world: World, policy: Policy, migration: QueuedMigration): PriorityMatch {
  const match = matchPriority(policy, migration.server, circumstances(world, migration));
  const priority = migration.asked?.priority ?? null;
  if (priority === null) return match;
  const text = `asked for: ${priority}; the policy says ${match.priority}`;
  return { ...match, priority, reason: { code: 'priority-asked', text } };
}

/** Names one direction of one host's NIC. */
export function linkKey(host: string, direction: 'tx' | 'rx'): string {
  return `${host} ${direction}`;
}

/** The links that a migration crosses: its source's tx, and its destination's rx once that is known. */
export function linksOf({ source, destination }: { source: string; destination: string | null }): string[] {
  return destination === null ? [linkKey(source, 'tx')] : [linkKey(source, 'tx'), linkKey(destination, 'rx')];
}

/** The destination, or all that it may become, by name. */
export function destinationsOf(world: World, { source, destination, candidates }: Way): string[] {
  if (destination !== null) return [destination];
  return [...(candidates ?? world.hosts.keys())].filter((host) => host !== source).sort();
}

/** The host if its hostd ever gave a sample of a link with a known rate. */
export function sampledHost(world: World, name: string): SampledHost | null {
  const host = world.hosts.get(name);
  if (!host?.info || !host.sample || !(host.info.linkBitsPerSecond > 0)) return null;
  return { ...host, info: host.info, sample: host.sample };
}

/** How old the newest counter reading of a host is, in ms; infinite if there is none. */
export function sampleAgeMs(world: World, name: string): number {
  const host = world.hosts.get(name);
  return host?.sample ? Math.max(0, world.nowMs - host.sampleAtMs) + host.sample.ageMs : Number.POSITIVE_INFINITY;
}

/** The host if its sample is fresh enough to decide on. */
export function freshHost(world: World, policy: Policy, name: string): SampledHost | null {
  return sampleAgeMs(world, name) <= policy.stale.maxAgeMs ? sampledHost(world, name) : null;
}

/** The host if its hostd can be worked with: without it nothing can be reserved there, and no switch be timed. */
export function answeringHost(world: World, name: string): SampledHost | null {
  const host = sampledHost(world, name);
  return host?.reachable ? host : null;
}

export function vmSample(host: SampledHost | null, vmUuid: string): VmSample | null {
  return host?.sample.vms.find((vm) => vm.vmUuid === vmUuid) ?? null;
}
