import { megabits } from '../../bandwidth/choice.ts';
import type { Decision, Priority, Reason } from '../../contract.ts';
import type { Policy } from '../../policy/schema.ts';
import { uplinksOf } from '../../policy/uplinks.ts';
import { UplinkBook } from '../../schedule/live/uplinkbook.ts';
import type { UplinkUse } from '../../schedule/live/uplinks.ts';
import { NO_GROUP } from '../../schedule/live/world.ts';
import { uplinkUseOf } from './crossing.ts';
import { novaLimit } from './decide.ts';
import { roomBook } from './room.ts';
import { type InFlightMigration, linkKey, linksOf, type QueuedMigration, type World } from './world.ts';

/** Order of the groups; one that waited longer than the policy's maxWait stands before all of them. */
export const RANK: Record<Priority, number> = { high: 0, medium: 1, low: 2 };
export const AGED = -1;

/** A queued migration with all that its place in the order depends on. */
export interface Candidate {
  migration: QueuedMigration;
  decision: Decision;
  links: string[];
  /** How it crosses switches. */
  uplinkUse: UplinkUse | undefined;
  rank: number;
  waitedMs: number;
  predictedMs: number;
  /** Infinite: none. */
  deadlineAtMs: number;
}

export interface Occupancy {
  /** This one runs from now on. */
  run(migration: QueuedMigration & Pick<InFlightMigration, 'decision'>): void;
  /** This one waits. Candidates come highest first, so the first that waits on a link is of its highest group. */
  wait(candidate: Candidate): void;
  /** Why this one may not start now, or null. */
  obstacle(candidate: Candidate): Reason | null;
  /** Why there is no room for one that starts all the same, or null. */
  withoutRoom(candidate: Candidate): Reason | null;
}

/**
 * Who uses and who waits for each link and whose room is taken, filled while a plan is made; begins with what is in flight.
 *
 * @param roomless those that need not wait for room, null: nobody has looked ahead, so none does.
 */
export function occupancy(world: World, policy: Policy, roomless: ReadonlySet<number> | null): Occupancy {
  const room = roomBook(world);
  const running = new Map<string, InFlightMigration[]>();
  const waiting = new Map<string, Candidate>();
  const fromSource = new Map<string, number>();
  const vms = new Set<string>();
  const uplinks = uplinksOf(policy.switches);
  const book = new UplinkBook<number>(uplinks.map(({ bitsPerSecond }) => bitsPerSecond));
  let count = 0;
  const on = (link: string) => running.get(link) ?? [];
  for (const migration of [...world.inFlight].sort((a, b) => a.id - b.id)) use(migration);
  return { run, wait, obstacle, withoutRoom };

  function run(migration: QueuedMigration & Pick<InFlightMigration, 'decision'>): void {
    if (roomless?.has(migration.id) !== true && room.lack(migration) === null) room.take(migration);
    use(migration);
  }

  function use(migration: InFlightMigration): void {
    for (const link of linksOf(migration)) running.set(link, [...on(link), migration]);
    fromSource.set(migration.source, (fromSource.get(migration.source) ?? 0) + 1);
    vms.add(migration.vmUuid);
    const { decision } = migration;
    const group = decision ? RANK[decision.priority] : NO_GROUP;
    book.add(migration.id, uplinkUseOf(world, policy, migration, decision !== null), group);
    count++;
  }

  function wait(candidate: Candidate): void {
    for (const link of candidate.links) if (!waiting.has(link)) waiting.set(link, candidate);
    book.want(candidate.uplinkUse, candidate.rank);
  }

  function obstacle(candidate: Candidate): Reason | null {
    const { migration, links } = candidate;
    if (vms.has(migration.vmUuid)) {
      return { code: 'vm-busy', text: 'this VM has another live migration under way' };
    }
    for (const link of links) {
      const reason = higherGroup(candidate, link);
      if (reason) return reason;
    }
    for (const link of links) {
      const rival = on(link).find((other) => excludes(candidate, other.decision));
      if (rival) return { code: 'serial-busy', text: `serial: migration ${rival.id} uses ${link}` };
    }
    const limit = novaLimit(world, migration.source);
    if (limit > 0 && (fromSource.get(migration.source) ?? 0) >= limit) {
      const text = `Nova runs at most ${limit} live migration(s) at a time from ${migration.source} (max_concurrent_live_migrations)`;
      return { code: 'nova-limit', text };
    }
    const capped = overCap(candidate) ?? overUplink(candidate);
    if (capped || roomless?.has(migration.id) !== false) return capped;
    const lack = room.lack(migration);
    return lack === null ? null : { code: 'no-room', text: `${lack}: it waits until others have left` };
  }

  function withoutRoom({ migration }: Candidate): Reason | null {
    const lack = roomless?.has(migration.id) === false ? null : room.lack(migration);
    if (lack === null) return null;
    if (roomless === null) return { code: 'room-unforeseen', text: `${lack}, and nobody can look ahead: Nova decides` };
    return { code: 'room-never', text: `${lack}, and nothing that is planned frees more: Nova decides` };
  }

  function overCap({ migration: { source, destination }, links }: Candidate): Reason | null {
    const { parallelPerLink, perSource, perDestination, clusterWide } = policy.caps;
    const full = links.find((link) => on(link).length >= parallelPerLink);
    if (full) return { code: 'link-cap', text: `${full} has its ${parallelPerLink} migration(s) (caps)` };
    if (perSource !== undefined && (fromSource.get(source) ?? 0) >= perSource) {
      return { code: 'source-cap', text: `${perSource} migration(s) leave ${source} already (caps.perSource)` };
    }
    if (
      perDestination !== undefined &&
      destination !== null &&
      on(linkKey(destination, 'rx')).length >= perDestination
    ) {
      const text = `${perDestination} migration(s) go to ${destination} already (caps.perDestination)`;
      return { code: 'destination-cap', text };
    }
    if (clusterWide !== undefined && count >= clusterWide) {
      return { code: 'cluster-cap', text: `${clusterWide} migration(s) run already (caps.clusterWide)` };
    }
    return null;
  }

  function overUplink({ uplinkUse, rank }: Candidate): Reason | null {
    const closed = book.closed(uplinkUse, rank);
    if (!closed) return null;
    const { key, bitsPerSecond } = uplinks[closed.uplink] as (typeof uplinks)[number];
    const has = `${key} has ${megabits(bitsPerSecond)} for migrations (switches)`;
    return closed.why === 'full'
      ? { code: 'uplink-full', text: `${has}, and what crosses it leaves too little of that for one more` }
      : { code: 'uplink-awaited', text: `${has}, and one that stands before it waits for them` };
  }

  function higherGroup({ rank }: Candidate, link: string): Reason | null {
    const user = on(link).find((other) => other.decision && RANK[other.decision.priority] < rank);
    if (user) return { code: 'higher-runs', text: `migration ${user.id} of a higher group uses ${link}` };
    const first = waiting.get(link);
    if (first && first.rank < rank) {
      return { code: 'higher-waits', text: `migration ${first.migration.id} of a higher group waits for ${link}` };
    }
    // Or those that fit would keep the link from one that needs it for itself.
    if (first?.rank !== AGED) return null;
    return { code: 'older-waits', text: `migration ${first.migration.id}, which waited longer, waits for ${link}` };
  }
}

/** Whether `serial`, of either, keeps the candidate from running beside the other on a link. */
function excludes({ decision, rank }: Candidate, other: Decision | null): boolean {
  const sameGroup = other?.priority === decision.priority;
  if (sameGroup && other.strategy === 'serial') return true;
  // What was passed to Nova has no group; one that stands before all groups belongs to each of them.
  return decision.strategy === 'serial' && (sameGroup || other === null || rank === AGED);
}
