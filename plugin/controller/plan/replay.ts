import type { Decision, PolicyExplanation } from '../../contract.ts';
import { type Calibration, UNCALIBRATED } from '../../model/calibrate.ts';
import { deadlineOf } from '../../policy/deadline.ts';
import type { Policy } from '../../policy/schema.ts';
import { startTimes } from '../../policy/starting.ts';
import { decide } from './decide.ts';
import { admissionOf } from './explain.ts';
import { type DecisionFacts, worldOf } from './facts.ts';

/** A recorded decision made again under one policy, with what that makes of its deadline. */
export interface Redecided {
  decision: Decision;
  /** The host that was asked for or is chosen; null: Nova chooses. */
  destination: string | null;
  /** Unix time, ms; null: it had none. */
  deadlineAtMs: number | null;
  /** As if nothing had stood before it: what waited then is not recorded. */
  admission: PolicyExplanation['admission'];
}

/** One recorded decision made again under two policies. */
export interface Replayed {
  before: Redecided;
  after: Redecided;
  /** What differs, as `technique pre-copy → post-copy`. */
  changes: string[];
}

/**
 * Decides again what was decided, from the facts of then and what was known then, under both policies. A destination that
 * was open is chosen again beside all that ran and was planned then, where that went: what another policy would have made
 * of the others is no part of it. Pure.
 */
export function replay(
  facts: DecisionFacts,
  before: Policy,
  after: Policy,
  calibration: Calibration = UNCALIBRATED,
): Replayed {
  const [old, next] = [redecide(facts, before, calibration), redecide(facts, after, calibration)];
  return { before: old, after: next, changes: changesOf(old, next) };
}

function redecide(facts: DecisionFacts, policy: Policy, calibration: Calibration): Redecided {
  const { world, migration } = worldOf(facts, policy);
  const decision = decide({ ...world, calibration }, policy, migration);
  const { priority } = decision;
  const deadlineAtMs = migration.deadlineAtMs ?? deadlineOf(policy, priority, migration).atMs;
  const { startsAtMs } = startTimes(policy, world.nowMs)[priority];
  return {
    decision,
    destination: migration.destination,
    deadlineAtMs,
    admission: admissionOf(world, policy, { migration, decision, deadlineAtMs, startsAtMs }),
  };
}

function changesOf(old: Redecided, next: Redecided): string[] {
  const [a, b] = [old.decision, next.decision];
  const pairs: [string, unknown, unknown][] = [
    ['destination', old.destination ?? "Nova's choice", next.destination ?? "Nova's choice"],
    ['priority', a.priority, b.priority],
    ['technique', a.technique, b.technique],
    ['strategy', a.strategy, b.strategy],
    ['contention', a.classification?.contention ?? 'not known', b.classification?.contention ?? 'not known'],
    ['cluster', a.classification?.cluster ?? 'not known', b.classification?.cluster ?? 'not known'],
    ['downtime limit', milliseconds(a.maxDowntimeMs), milliseconds(b.maxDowntimeMs)],
    ['guaranteed at the source', guaranteed(a, 'sourceTx'), guaranteed(b, 'sourceTx')],
    ['guaranteed at the destination', guaranteed(a, 'destinationRx'), guaranteed(b, 'destinationRx')],
    ['deadline', moment(old.deadlineAtMs), moment(next.deadlineAtMs)],
    ['admission', old.admission?.verdict ?? 'accept', next.admission?.verdict ?? 'accept'],
  ];
  return pairs.flatMap(([what, x, y]) => (x === y ? [] : [`${what} ${x} → ${y}`]));
}

function moment(atMs: number | null): string {
  return atMs === null ? 'none' : new Date(atMs).toISOString();
}

function milliseconds(ms: number | null): string {
  return ms === null ? 'none' : `${ms} ms`;
}

function guaranteed({ reservation }: Decision, link: 'sourceTx' | 'destinationRx'): string {
  const rate = reservation[link]?.migration.rateBitsPerSecond;
  return rate === undefined ? 'nothing' : `${Math.round(rate / 1e6)} Mbit/s`;
}
