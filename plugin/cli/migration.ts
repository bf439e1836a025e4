import type { Decision, MigrationEvent, MigrationRecord } from '../contract.ts';
import { likelyLines, rejectedLines, reservedLines } from './decision.ts';
import { duration, mebibytes } from './figures.ts';

/** What `drover explain` prints: what was decided and why, what else there was, what it cost and what happened. */
export function migrationReport(migration: MigrationRecord, events: readonly MigrationEvent[]): string {
  const { id, vmName, source, destination, decision } = migration;
  return [
    `migration ${id}: ${vmName}, ${source} → ${destination ?? '?'}`,
    ...(decision ? decisionLines(decision, migration) : ['  not decided by Drover']),
    ...costLines(migration),
    'what happened',
    ...events.map(
      ({ atMs, state, reason }) =>
        `  ${new Date(atMs).toISOString()}  ${state.padEnd(10)} ${reason.text} [${reason.code}]`,
    ),
  ].join('\n');
}

function decisionLines(decision: Decision, migration: MigrationRecord): string[] {
  const { classification: seen, priority, priorityReason, technique, strategy, reasons, prediction } = decision;
  return [
    `decided by ${decision.policy}`,
    `  priority    ${priority}: ${priorityReason.text}`,
    seen
      ? `  traffic     contention ${seen.contention} (${Math.round(seen.utilisation * 100)} % of the busier link), scenario ${seen.scenario}, VM ${seen.cluster}`
      : '  traffic     not measured',
    `  technique   ${technique}`,
    ...likelyLines(prediction),
    `  strategy    ${strategy}`,
    ...reasons.map((reason) => `    because   ${reason.text} [${reason.code}]`),
    ...rejectedLines(decision),
    ...reservedLines(decision, migration),
  ];
}

function costLines({ outcome, endedAtMs }: MigrationRecord): string[] {
  if (!outcome || endedAtMs === null) return [];
  const { totalMigrationTimeMs, downtimeMs, downtimeErrorMs, transferredBytes, iterations, postCopySeen } = outcome;
  const error = downtimeErrorMs === null ? '' : ` ± ${downtimeErrorMs} ms`;
  return [
    `  it cost     TMT ${duration(totalMigrationTimeMs)}, downtime ${duration(downtimeMs)}${error}, ${mebibytes(transferredBytes)} in ${iterations ?? '–'} rounds, post-copy ${postCopySeen ? 'seen' : 'not seen'}`,
  ];
}
