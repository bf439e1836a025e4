import type { Prediction, Reason } from '../../contract.ts';
import { admitDeadline } from '../../model/deadline.ts';
import type { Estimate } from '../../model/interval.ts';
import type { Policy } from '../../policy/schema.ts';
import type { Foreseen } from './lookahead.ts';
import { type Candidate, RANK } from './occupancy.ts';
import type { InFlightMigration, World } from './world.ts';
import { linksOf } from './world.ts';

/** When a candidate could start and when it will, as things stand. */
export interface Outlook {
  /** Unix time, ms; infinite: never. */
  earliestStartAtMs: number;
  plannedStartAtMs: number;
  queuePosition: number;
  /** How many times longer it takes beside others than alone. Default 1. */
  stretch?: number;
}

export interface Admission {
  refused: Reason | null;
  /** Its deadline is in danger. */
  warning: Reason | null;
}

const NONE: Admission = { refused: null, warning: null };

/**
 * What `deadlines.admission` makes of a candidate that is predicted to miss its deadline. One whose caller has Nova's
 * 202 already is not refused any more.
 *
 * | admission | kept | in danger | impossible | impossible, 202 was given |
 * |-----------|------|-----------|------------|---------------------------|
 * | accept    | -    | -         | -          | -                         |
 * | warn      | -    | warning   | warning    | warning                   |
 * | refuse    | -    | warning   | refused    | warning                   |
 */
export function admission(
  world: Pick<World, 'nowMs'>,
  policy: Policy,
  { deadlineAtMs, decision, migration }: Pick<Candidate, 'deadlineAtMs' | 'decision' | 'migration'>,
  outlook: Outlook,
): Admission {
  if (policy.deadlines.admission === 'accept' || !Number.isFinite(deadlineAtMs)) return NONE;
  const { prediction } = decision;
  const answer = admitDeadline({
    nowMs: world.nowMs,
    deadlineAtMs,
    ...outlook,
    totalMigrationTimeMs: estimateOf(prediction),
  });
  const [reason] = answer.reasons;
  if (!reason || answer.verdict === 'accept') return NONE;
  if (answer.verdict === 'refuse' && policy.deadlines.admission === 'refuse' && !migration.deferred) {
    return { refused: reason, warning: null };
  }
  if (!prediction && answer.verdict === 'warn') {
    const text =
      'how long it takes cannot be predicted without fresh samples of both hosts: its deadline may be missed';
    return { refused: null, warning: { code: 'deadline-unpredicted', text } };
  }
  return { refused: null, warning: reason };
}

/** What nothing is known of may be over at once or never. */
function estimateOf(prediction: Prediction | null): Estimate {
  if (!prediction) return { value: 0, low: 0, high: Number.POSITIVE_INFINITY };
  const { value, low, high } = prediction.totalMigrationTimeMs;
  const never = Number.POSITIVE_INFINITY;
  return { value: value ?? never, low: low ?? never, high: high ?? never };
}

/** As the plan looks ahead; `ahead`: those that stand before it. */
export function foreseenOutlook(
  { links }: Candidate,
  { startAtMs, stretch }: Foreseen,
  ahead: readonly Candidate[],
  opensAtMs: number | null,
): Outlook {
  const never = Number.POSITIVE_INFINITY;
  const rivals = ahead.filter((each) => each.links.some((link) => links.includes(link)));
  return {
    earliestStartAtMs: opensAtMs ?? never,
    plannedStartAtMs: startAtMs ?? never,
    queuePosition: rivals.length,
    stretch,
  };
}

/** Where nobody could look ahead, one after another: what runs on its links, what stands before it there, then itself. */
export function outlookOf(
  world: World,
  { links, decision }: Candidate,
  ahead: readonly Candidate[],
  opensAtMs: number | null,
  waits: boolean,
): Outlook {
  const earliestStartAtMs = opensAtMs ?? Number.POSITIVE_INFINITY;
  if (!waits) return { earliestStartAtMs, plannedStartAtMs: earliestStartAtMs, queuePosition: 0 };
  const shared = (others: readonly string[]) => others.some((link) => links.includes(link));
  const rivals = ahead.filter((each) => shared(each.links));
  const runs = [...world.inFlight]
    .sort((a, b) => a.id - b.id)
    .filter(
      (each) => shared(linksOf(each)) && (!each.decision || RANK[each.decision.priority] <= RANK[decision.priority]),
    );
  const busyMs =
    runs.reduce((sum, each) => sum + leftMs(world.nowMs, each), 0) +
    rivals.reduce((sum, each) => sum + (Number.isFinite(each.predictedMs) ? each.predictedMs : 0), 0);
  return {
    earliestStartAtMs,
    plannedStartAtMs: Math.max(earliestStartAtMs, world.nowMs + busyMs),
    queuePosition: rivals.length,
  };
}

function leftMs(nowMs: number, { decision, submittedAtMs }: InFlightMigration): number {
  const takes = decision?.prediction?.totalMigrationTimeMs.value ?? 0;
  return Math.max(0, takes - (nowMs - (submittedAtMs ?? nowMs)));
}
