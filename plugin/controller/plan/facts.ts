import { HostInfo, HostSample } from 'drover-hostd/contract';
import { z } from 'zod';
import { Contention, Priority } from '../../contract.ts';
import type { Policy } from '../../policy/schema.ts';
import { chosenFrom } from './destination.ts';
import { type Choosing, destinationsOf, linkKey, type QueuedMigration, type World } from './world.ts';

const Server = z.object({
  name: z.string(),
  projectId: z.string(),
  flavorName: z.string(),
  memoryBytes: z.number(),
  metadata: z.record(z.string(), z.string()),
  imageId: z.string().nullish(),
  availabilityZone: z.string().nullish(),
  requesterRoles: z.array(z.string()).optional(),
});

/** Checked against what the plan hands over: world.ts, `Choosing`. */
const KeptChoosing: z.ZodType<Choosing> = z.object({
  needs: z.record(z.string(), z.number()),
  zone: z.string().nullable(),
  hosts: z.record(
    z.string(),
    z.object({
      accepts: z.boolean(),
      zone: z.string().nullable(),
      free: z.record(z.string(), z.number()),
      coming: z.number(),
      highest: Priority.nullable(),
    }),
  ),
});

/** All that one decision was made from, besides the policy: enough to make it again under another one. */
export const DecisionFacts = z.object({
  nowMs: z.number(),
  migration: z.object({
    id: z.number(),
    vmUuid: z.string(),
    source: z.string(),
    destination: z.string().nullable(),
    receivedAtMs: z.number(),
    server: Server,
    candidates: z.array(z.string()),
    paused: z.boolean(),
    deadlineAtMs: z.number().nullable(),
    asked: z.object({ priority: Priority.nullable() }).nullable().default(null),
  }),
  /** The source and the destination, or all that it may become. VMs are those of the source. */
  hosts: z.record(
    z.string(),
    z.object({
      info: HostInfo.nullable(),
      sample: HostSample.nullable(),
      sampleAtMs: z.number(),
      linkLostAtMs: z.number().nullable(),
      reachable: z.boolean(),
    }),
  ),
  previousContention: z.record(z.string(), Contention),
  /**
   * What its destination was chosen from, or could have been. Null: one was asked for, or nobody told of the hosts' room;
   * absent in records of before this was kept.
   */
  choosing: KeptChoosing.nullable().optional(),
  /** In flight on a link of those hosts. */
  inFlight: z.array(
    z.object({ id: z.number(), vmUuid: z.string(), source: z.string(), destination: z.string().nullable() }),
  ),
});
export type DecisionFacts = z.infer<typeof DecisionFacts>;

/**
 * The part of the world that `decide` looks at for one migration.
 *
 * @param choosing what its destination was chosen from, if it was open: then every host that it may go to is part of it.
 */
export function factsOf(world: World, migration: QueuedMigration, choosing: Choosing | null = null): DecisionFacts {
  const { id, vmUuid, source, destination, receivedAtMs, server } = migration;
  const destinations = destinationsOf(world, choosing ? { ...migration, destination: null } : migration);
  const hosts: DecisionFacts['hosts'] = {};
  const previousContention: DecisionFacts['previousContention'] = {};
  for (const name of [source, ...destinations]) {
    const host = world.hosts.get(name);
    for (const key of [linkKey(name, 'tx'), linkKey(name, 'rx')]) {
      const level = world.previousContention.get(key);
      if (level) previousContention[key] = level;
    }
    if (!host) continue;
    const { info, sample, sampleAtMs, linkLostAtMs, reachable } = host;
    const vms = name === source ? (sample?.vms ?? []) : [];
    hosts[name] = { info, sample: sample && { ...sample, vms }, sampleAtMs, linkLostAtMs, reachable };
  }
  return {
    nowMs: world.nowMs,
    migration: {
      id,
      vmUuid,
      source,
      destination,
      receivedAtMs,
      server: { ...server, metadata: { ...server.metadata }, requesterRoles: [...(server.requesterRoles ?? [])] },
      candidates: destinations,
      paused: migration.paused ?? false,
      deadlineAtMs: migration.deadlineAtMs ?? null,
      asked: migration.asked ? { priority: migration.asked.priority } : null,
    },
    hosts,
    previousContention,
    choosing,
    inFlight: world.inFlight
      .filter((each) => each.id !== id && (each.source in hosts || (each.destination ?? '') in hosts))
      .map((each) => ({ id: each.id, vmUuid: each.vmUuid, source: each.source, destination: each.destination })),
  };
}

/** The world as it was for that one decision, under this policy, which chooses the destination anew if it was open. */
export function worldOf(facts: DecisionFacts, policy: Policy): { world: World; migration: QueuedMigration } {
  const { nowMs, hosts, previousContention, inFlight, choosing } = facts;
  const recorded = choosing ? { ...facts.migration, destination: null } : facts.migration;
  const world: World = {
    nowMs,
    policy,
    queue: [recorded],
    inFlight: inFlight.map((each) => ({ ...each, decision: null })),
    hosts: new Map(Object.entries(hosts)),
    previousContention: new Map(Object.entries(previousContention)),
  };
  return { world, migration: choosing ? chosenFrom(world, policy, recorded, choosing) : recorded };
}
