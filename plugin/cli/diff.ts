import Table from 'cli-table3';
import { type Replayed, replay } from '../controller/plan/replay.ts';
import type { RecordedDecision } from '../controller/store/history.ts';
import type { Policy } from '../policy/schema.ts';
import { duration } from './figures.ts';

/** What `drover policy diff` prints: the recorded migrations that the new policy would decide otherwise. */
export function diffReport(history: readonly RecordedDecision[], before: Policy, after: Policy, json: boolean): string {
  const replayed = history.flatMap((record) =>
    record.facts ? [{ record, ...replay(record.facts, before, after) }] : [],
  );
  const changed = replayed.filter(({ changes }) => changes.length > 0);
  if (json) {
    const objects = changed.map(({ record, changes, before: old, after: next }) => ({
      migration: record.id,
      vm: record.vmName,
      changes,
      before: old,
      after: next,
      outcome: record.outcome,
    }));
    return JSON.stringify(objects, null, 2);
  }
  const without = history.length - replayed.length;
  const summary = [
    `${changed.length} of ${replayed.length} recorded decisions would differ under ${after.id} from ${before.id}`,
    ...(without > 0 ? [`${without} were recorded without what they were decided from and cannot be made again`] : []),
    ...totals(changed),
  ];
  return changed.length === 0 ? summary.join('\n') : [tableOf(changed), ...summary].join('\n');
}

type Row = Replayed & { record: RecordedDecision };

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

function tmt({ prediction }: Replayed['before']): string {
  return duration(prediction?.totalMigrationTimeMs.value);
}

function downtime({ prediction }: Replayed['before']): string {
  return duration(prediction?.downtimeMs.value);
}

/** Sums over the changed ones for which both predictions end. */
function totals(rows: readonly Row[]): string[] {
  const pairs = rows.flatMap(({ before, after }) => {
    const [x, y] = [before.prediction, after.prediction];
    const [a, b] = [x?.totalMigrationTimeMs.value ?? null, y?.totalMigrationTimeMs.value ?? null];
    return a === null || b === null ? [] : [[a, b, x?.downtimeMs.value ?? 0, y?.downtimeMs.value ?? 0] as const];
  });
  if (pairs.length === 0) return [];
  const sum = (index: 0 | 1 | 2 | 3) => duration(pairs.reduce((total, pair) => total + pair[index], 0));
  return [`predicted for ${pairs.length} of them together: TMT ${sum(0)} → ${sum(1)}, downtime ${sum(2)} → ${sum(3)}`];
}
