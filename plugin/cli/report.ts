import type { PolicyExplanation, Prediction } from '../contract.ts';
import type { CaseResult } from './cases.ts';
import { likelyLines, rejectedLines, reservedLines } from './decision.ts';
import { duration, megabits } from './figures.ts';

/** What `drover policy explain` prints. */
export function explanationReport(explanation: PolicyExplanation): string {
  const { vm, source, destination, policy, priority, reason, lost, limits, uplinks, decision } = explanation;
  const lines = [
    `${vm}${source ? ` on ${source}` : ''}${destination ? `, to ${destination}` : ''}, by ${policy}`,
    `  priority    ${priority}`,
    `    because   ${reason.text} [${reason.code}]`,
    ...lost.map((rule) => `    not       ${rule.place} (${rule.selectors}): ${rule.priority}; ${rule.why}`),
    `  starts      ${startText(explanation)}`,
    ...deadlineLines(explanation),
    ...limits.map(
      ({ link, lowerBitsPerSecond, upperBitsPerSecond, path, place }) =>
        `  workload    ${link}: at least ${megabits(lowerBitsPerSecond)}, at most ${megabits(upperBitsPerSecond)} (${path}${place ? ` at ${place}` : ''})`,
    ),
    ...uplinks.map(
      ({ uplink, migrationBitsPerSecond, path, place }) =>
        `  ${destination === null ? 'may cross   ' : 'crosses     '}${uplink}: ${megabits(migrationBitsPerSecond)} for all migrations (${path}${place ? ` at ${place}` : ''})`,
    ),
  ];
  if (!decision) return [...lines, '  technique   not decided: no traffic is known or given'].join('\n');
  lines.push(
    `  technique   ${decision.technique}, ${decision.strategy}${predicted(decision.prediction)}`,
    ...likelyLines(decision.prediction),
    ...decision.reasons.map(({ code, text }) => `    because   ${text} [${code}]`),
    ...rejectedLines(decision),
    ...reservedLines(decision, { source, destination }),
  );
  return lines.join('\n');
}

function predicted(prediction: Prediction | null): string {
  if (!prediction) return '';
  const { totalMigrationTimeMs, downtimeMs, longestStallMs, ends } = prediction;
  if (ends === 'never') return '; predicted not to end';
  return `; predicted TMT ${duration(totalMigrationTimeMs.value)}, downtime ${duration(downtimeMs.value)}, longest stall ${duration(longestStallMs.value)}`;
}

function startText({ startsAtMs, atMs }: PolicyExplanation): string {
  if (startsAtMs === null) return 'never: its windows do not open';
  return startsAtMs <= atMs
    ? 'at once, as far as windows go'
    : `not before ${new Date(startsAtMs).toISOString()} (windows)`;
}

const ADMISSIONS = { accept: 'accepted', warn: 'accepted with a warning', refuse: 'refused' };

function deadlineLines({ deadlineAtMs, deadlineReason, admission }: PolicyExplanation): string[] {
  return [
    ...(deadlineAtMs === null ? [] : [`  deadline    ${new Date(deadlineAtMs).toISOString()}, if it is asked for now`]),
    ...(deadlineReason ? [`    because   ${deadlineReason.text} [${deadlineReason.code}]`] : []),
    ...(admission ? [`  admission   ${ADMISSIONS[admission.verdict]}`] : []),
    ...(admission?.reason ? [`    because   ${admission.reason.text} [${admission.reason.code}]`] : []),
  ];
}

/** What `drover policy test` prints. */
export function casesReport(file: string, results: readonly CaseResult[]): string {
  const lines = results.flatMap(({ name, differences, because }) =>
    differences.length === 0
      ? [`  ok      ${name}`]
      : [
          `  FAILED  ${name}`,
          ...differences.map(({ what, expected, got }) => `            ${what}: expected ${expected}, got ${got}`),
          ...because.map((text) => `            because ${text}`),
        ],
  );
  const failed = results.filter(({ differences }) => differences.length > 0).length;
  return [file, ...lines, `${results.length - failed} passed, ${failed} failed`].join('\n');
}
