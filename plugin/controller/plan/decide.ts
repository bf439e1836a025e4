import type { LinkReservation, Priority } from 'drover-hostd/contract';
import { reservationChoice } from '../../bandwidth/choice.ts';
import { type ReserveInput, reserve, workloadDemand } from '../../bandwidth/reserve.ts';
import type { Classification, Contention, Decision, Reason, ReservationChoice } from '../../contract.ts';
import { selectorsMatch, selectorsText } from '../../policy/match.ts';
import { limitsFor } from '../../policy/schema/limits.ts';
import type { Policy } from '../../policy/schema.ts';
import { amountOn } from '../../policy/units.ts';
import { classify, contentionLevel, utilisation } from '../../tracker/classify.ts';
import { uplinkUseOf } from './crossing.ts';
import { forecast, predictionFor } from './forecast.ts';
import { atMost } from './lowered.ts';
import { chooseByPrediction } from './predicted.ts';
import { staleStrategies, staleTechniques } from './stale.ts';
import { chooseStrategy } from './strategy.ts';
import { chooseTechnique, gated, gatePostCopy, type PostCopyFacts } from './technique.ts';
import {
  answeringHost,
  circumstances,
  destinationsOf,
  freshHost,
  linkKey,
  priorityOf,
  type QueuedMigration,
  sampleAgeMs,
  sampledHost,
  vmSample,
  type World,
} from './world.ts';

type Reservation = Decision['reservation'];

/** What would be done with one migration if it started now; whether it may is the order's business (plan.ts). */
export function decide(world: World, policy: Policy, migration: QueuedMigration): Decision {
  const { priority, reason: priorityReason } = priorityOf(world, policy, migration);
  const facts = postCopyFacts(world, policy, migration);
  const seen = classified(world, policy, migration);
  const alone = uplinkUseOf(world, policy, migration, true)?.aloneBitsPerSecond ?? Number.POSITIVE_INFINITY;
  const reservation = atMost(reservationOf(world, policy, priority, migration), alone);
  const predicted = forecast(world, policy, migration, reservation);
  const common = {
    priority,
    priorityReason,
    reservation,
    reservationChoices: {
      sourceTx: choiceOf(world, policy, priority, migration.source, 'tx'),
      destinationRx: choiceOf(world, policy, priority, migration.destination, 'rx'),
    },
    policy: policy.id,
    features: predicted?.features ?? null,
    ...(migration.placing?.choice ? { destination: migration.placing.choice } : {}),
  };
  const placed = migration.placing ? [migration.placing.reason] : [];

  if (!seen.classification) {
    const { technique, strategy } = policy.stale;
    const named = { technique, reasons: [...placed, ...seen.reasons], alternatives: staleTechniques(technique) };
    return withDowntime(policy, {
      ...common,
      ...gated(policy, named, world.nowMs, facts),
      classification: null,
      strategy,
      strategyAlternatives: staleStrategies(strategy),
      prediction: null,
    });
  }
  const { classification } = seen;
  const technique =
    policy.technique.kind === 'predict' && predicted
      ? chooseByPrediction(
          policy.technique,
          priority,
          predicted.features,
          predicted.estimates,
          gatePostCopy(policy, 'post-copy', world.nowMs, facts),
        )
      : chooseTechnique(policy, { priority, classification }, world.nowMs, facts);
  const strategy = chooseStrategy(policy, { priority, contention: classification.contention });
  const reasons = [...placed, ...seen.reasons, ...technique.reasons, strategy.reason];
  if (strategy.strategy === 'parallel' && novaLimit(world, migration.source) === 1) {
    const text = `Nova runs one live migration at a time from ${migration.source} (max_concurrent_live_migrations), so a parallel group runs one after another there`;
    reasons.push({ code: 'gang-made-serial', text });
  }
  return withDowntime(policy, {
    ...common,
    classification,
    technique: technique.technique,
    strategy: strategy.strategy,
    strategyAlternatives: strategy.alternatives,
    reasons,
    alternatives: technique.alternatives.map((each) => ({
      ...each,
      prediction: predictionFor(predicted, each.technique),
    })),
    prediction: predictionFor(predicted, technique.technique),
  });
}

/**
 * QEMU ends a pre-copy as soon as what is left fits into its downtime limit, even if the switch to post-copy was asked
 * for (migration/migration.c, migration_iteration_run). Where a switch is to come the limit is kept so small that the
 * guest does not converge before it; the blackout of a switch is the device state's, not this limit's.
 */
const DOWNTIME_BEFORE_SWITCH_MS = 20;

function withDowntime(policy: Policy, decision: Omit<Decision, 'maxDowntimeMs'>): Decision {
  const budgetMs = policy.downtimeMs;
  const switches = decision.technique !== 'pre-copy';
  return { ...decision, maxDowntimeMs: switches ? Math.min(budgetMs, DOWNTIME_BEFORE_SWITCH_MS) : budgetMs };
}

/** Nova's limit for the source, 0 for none; Nova's default of 1 where hostd has not said. */
export function novaLimit(world: World, source: string): number {
  return world.hosts.get(source)?.info?.maxConcurrentLiveMigrations ?? 1;
}

/** Algorithm 2 on both links of a migration, with its workload as it is now. Null where there is no hostd to hold it. */
export function reservationOf(
  world: World,
  policy: Policy,
  priority: Priority,
  { source, destination }: { source: string; destination: string | null },
): Reservation {
  return {
    sourceTx: linkReservation(world, policy, priority, source, 'tx'),
    destinationRx: destination === null ? null : linkReservation(world, policy, priority, destination, 'rx'),
  };
}

/** Algorithm 2 on one link; null where no hostd can hold it. */
export function linkReservation(...link: Link): LinkReservation | null {
  const input = reserveInput(...link);
  return input && reserve(input);
}

type Link = [world: World, policy: Policy, priority: Priority, name: string, direction: 'tx' | 'rx'];

function choiceOf(world: World, policy: Policy, priority: Priority, name: string | null, direction: 'tx' | 'rx') {
  const none = (code: string, text: string): ReservationChoice => ({ reason: { code, text }, alternatives: [] });
  if (name === null)
    return none('destination-unknown', 'nothing is reserved on a destination that Nova has yet to choose');
  const input = reserveInput(world, policy, priority, name, direction);
  if (input) return reservationChoice(input);
  return answeringHost(world, name)
    ? none('link-unknown', `nothing is reserved on ${name}: the speed of its link is not known`)
    : none('no-hostd', `nothing is reserved on ${name}: no hostd answers there`);
}

function reserveInput(...[world, policy, priority, name, direction]: Link): ReserveInput | null {
  const host = answeringHost(world, name);
  if (!host || !(host.info.shapeableBitsPerSecond > 100)) return null;
  const capacity = host.info.shapeableBitsPerSecond;
  const { lower, upper } = limitsFor(policy.limits, name, host.info.nic);
  const upperBitsPerSecond = amountOn(upper, capacity);
  const { nic } = host.sample;
  const measured = direction === 'tx' ? nic.workloadTxBitsPerSecond : nic.workloadRxBitsPerSecond;
  const guaranteed = host.sample.reserved[direction]?.workload.rateBitsPerSecond ?? null;
  // Of a stale sample nothing is assumed: the workload keeps all that it may be promised.
  const demand = !freshHost(world, policy, name)
    ? upperBitsPerSecond
    : guaranteed === null || policy.strict
      ? measured
      : workloadDemand(measured, guaranteed);
  return {
    priority,
    link: { capacityBitsPerSecond: capacity, workloadBitsPerSecond: demand },
    limits: { lowerBitsPerSecond: amountOn(lower, capacity), upperBitsPerSecond },
    floorBitsPerSecond: amountOn(policy.floor, capacity),
    strict: policy.strict,
  };
}

function classified(
  world: World,
  policy: Policy,
  migration: QueuedMigration,
): { classification: Classification | null; reasons: Reason[] } {
  const source = freshHost(world, policy, migration.source);
  const vm = vmSample(source, migration.vmUuid);
  const names = destinationsOf(world, migration);
  const destinations = names.flatMap((name) => freshHost(world, policy, name) ?? []);
  if (source && vm && destinations.length > 0) {
    return classify({
      policy,
      source,
      destinations,
      destinationKnown: migration.destination !== null,
      vm,
      vmsOfSource: source.sample.vms,
      previous: {
        sourceTx: world.previousContention.get(linkKey(migration.source, 'tx')) ?? null,
        destinationRx: (host) => world.previousContention.get(linkKey(host, 'rx')) ?? null,
      },
    });
  }
  const missing = !source
    ? lackOf(world, migration.source)
    : !vm
      ? `the VM is not in the sample of ${migration.source}`
      : names.map((name) => lackOf(world, name)).join('; ') || 'there is no other host';
  const { technique, strategy } = policy.stale;
  return { classification: null, reasons: [{ code: 'stale', text: `${missing}: ${technique}, ${strategy}` }] };
}

function lackOf(world: World, name: string): string {
  const ageMs = sampleAgeMs(world, name);
  if (!sampledHost(world, name) || !Number.isFinite(ageMs)) return `there is no sample of ${name}`;
  return `the newest sample of ${name} is ${(ageMs / 1000).toFixed(1)} s old`;
}

function postCopyFacts(world: World, policy: Policy, migration: QueuedMigration): PostCopyFacts {
  const vm = vmSample(sampledHost(world, migration.source), migration.vmUuid);
  const names = [migration.source, ...destinationsOf(world, migration)];
  const never = policy.postCopyGate.never.find((each) =>
    selectorsMatch(each, migration.server, circumstances(world, migration)),
  );
  return {
    hosts: names.map((host) => {
      const capability = answeringHost(world, host)?.info.postCopy;
      const linkLostAtMs = world.hosts.get(host)?.linkLostAtMs ?? null;
      return { host, permitted: capability?.permitted ?? null, why: capability?.reason ?? '', linkLostAtMs };
    }),
    blockers: vm?.postCopyBlockers ?? null,
    paused: migration.paused ?? false,
    metadata: migration.server.metadata,
    memoryBytes: migration.server.memoryBytes,
    never: never ? selectorsText(never) : null,
  };
}

/** The level of every link with a fresh sample, to be handed to the next plan; without one the level stays as it was. */
export function contentionLevels(world: World): Map<string, Contention> {
  const levels = new Map(world.previousContention);
  const { policy } = world;
  if (!policy) return levels;
  for (const name of [...world.hosts.keys()].sort()) {
    const host = freshHost(world, policy, name);
    if (!host) continue;
    for (const direction of ['tx', 'rx'] as const) {
      const key = linkKey(name, direction);
      levels.set(
        key,
        contentionLevel(policy.contention, utilisation(host, direction), world.previousContention.get(key) ?? null),
      );
    }
  }
  return levels;
}
