import Table from 'cli-table3';
import { Experience } from '../controller/execute/experience.ts';
import { type Redecided, type Replayed, replay } from '../controller/plan/replay.ts';
import type { RecordedDecision } from '../controller/store/history.ts';
import type { Policy } from '../policy/schema.ts';
import { duration } from './figures.ts';

/** What `drover policy diff` prints: the recorded migrations that the new policy would decide otherwise. */
export function diffReport(history: readonly RecordedDecision[], before: Policy, after: Policy, json: boolean): string {
  const replayed = replayAll(history, before, after);
  const changed = replayed.filter(({ changes }) => changes.length > 0);
  if (json) {
    const objects = changed.map(({ record, changes, before: old, after: next }) => ({
      migration: record.id,
      vm: record.vmName,
      changes,
      before: old.decision,
      after: next.decision,
      destination: { before: old.destination, after: next.destination },
      deadline: { before: old.deadlineAtMs, after: next.deadlineAtMs },
      admission: { before: old.admission, after: next.admission },
      outcome: record.outcome,
    }));
    return JSON.stringify(objects, null, 2);
  }
  const without = history.length - replayed.length;
  const summary = [
    `${changed.length} of ${replayed.length} recorded decisions would differ under ${after.id} from ${before.id}`,
    ...(without > 0 ? [`${without} were recorded without what they were decided from and cannot be made again`] : []),
    ...totals(changed),
    ...admissions(replayed),
    ...destinations(replayed, before, after),
  ];
  return changed.length === 0 ? summary.join('\n') : [tableOf(changed), ...summary].join('\n');
}

type Row = Replayed & { record: RecordedDecision };

/**
 * Each predicted with what had been learned when it was decided: from the migrations that were over by then, never from
 * its own end. The recorded predictions were made so too.
 */
function replayAll(history: readonly RecordedDecision[], before: Policy, after: Policy): Row[] {
  const ended = history
    .filter(({ endedAtMs }) => endedAtMs !== null)
    .sort((a, b) => (a.endedAtMs ?? 0) - (b.endedAtMs ?? 0) || a.id - b.id);
  const decided = history.flatMap((record) => (record.facts ? [{ record, facts: record.facts }] : []));
  const experience = new Experience([]);
  let learned = 0;
  const rows = decided
    .sort((a, b) => a.facts.nowMs - b.facts.nowMs)
    .map(({ record, facts }) => {
      for (let next = ended[learned]; next && (next.endedAtMs ?? 0) <= facts.nowMs; next = ended[learned]) {
        experience.add(next);
        learned++;
      }
      return { record, ...replay(facts, before, after, experience.calibration) };
    });
  return rows.sort((a, b) => a.record.id - b.record.id);
}

function tableOf(rows: readonly Row[]): string {
  const table = new Table({
    head: ['ID', 'VM', 'From', 'To', 'Would differ', 'Predicted TMT', 'Predicted downtime', 'Was'],
    style: { head: [], border: [] },
  });
  for (const { record, changes, before, after } of rows) {
    const { outcome } = record;
    table.push([
      record.id,
      record.vmName,
      record.source,
      record.destination ?? '?',
      changes.join('\n'),
      `${tmt(before)} → ${tmt(after)}`,
      `${downtime(before)} → ${downtime(after)}`,
      `${record.decision.technique}, ${duration(outcome?.totalMigrationTimeMs)}, ${duration(outcome?.downtimeMs)}`,
    ]);
  }
  return table.toString();
}

function tmt({ decision: { prediction } }: Redecided): string {
  return duration(prediction?.totalMigrationTimeMs.value);
}

function downtime({ decision: { prediction } }: Redecided): string {
  return duration(prediction?.downtimeMs.value);
}

/** What becomes of the deadlines, of all that have one under either policy. */
function admissions(rows: readonly Row[]): string[] {
  const withDeadline = rows.filter(({ before, after }) => before.admission ?? after.admission);
  if (withDeadline.length === 0) return [];
  const count = (end: 'before' | 'after', verdict: string) =>
    withDeadline.filter((row) => row[end].admission?.verdict === verdict).length;
  const change = (verdict: string) => `${count('before', verdict)} → ${count('after', verdict)}`;
  return [`of ${withDeadline.length} with a deadline: warned ${change('warn')}, refused ${change('refuse')}`];
}

/** Whose destination Drover would choose, of all that asked for none; and of whom that cannot be told. */
function destinations(rows: readonly Row[], before: Policy, after: Policy): string[] {
  if (before.destination === 'keep' && after.destination === 'keep') return [];
  const open = rows.filter(({ record: { facts } }) => facts?.choosing);
  const named = open.flatMap(({ record, after: { destination: host } }) => (host === null ? [] : [{ record, host }]));
  const elsewhere = named.filter(({ record, host }) => record.destination !== null && record.destination !== host);
  const old = rows.filter(({ record: { facts, decision } }) => {
    const isOpen = facts?.migration.destination === null || decision.destination != null;
    return facts?.choosing === undefined && isOpen;
  });
  const policies =
    before.destination === after.destination ? after.destination : `${before.destination} → ${after.destination}`;
  return [
    `destination ${policies}: of ${open.length} that asked for none ${named.length} would have one chosen, ${elsewhere.length} another one than they went to`,
    ...(old.length > 0
      ? [
          `${old.length} more that asked for none were recorded without what a host is chosen from: they are decided as they went, whatever destination says`,
        ]
      : []),
  ];
}

/** Sums over the changed ones for which both predictions end. */
function totals(rows: readonly Row[]): string[] {
  const pairs = rows.flatMap(({ before, after }) => {
    const [x, y] = [before.decision.prediction, after.decision.prediction];
    const [a, b] = [x?.totalMigrationTimeMs.value ?? null, y?.totalMigrationTimeMs.value ?? null];
    return a === null || b === null ? [] : [[a, b, x?.downtimeMs.value ?? 0, y?.downtimeMs.value ?? 0] as const];
  });
  if (pairs.length === 0) return [];
  const sum = (index: 0 | 1 | 2 | 3) => duration(pairs.reduce((total, pair) => total + pair[index], 0));
  return [`predicted for ${pairs.length} of them together: TMT ${sum(0)} → ${sum(1)}, downtime ${sum(2)} → ${sum(3)}`];
}
