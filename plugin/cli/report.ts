import type { Decision, PolicyExplanation, Prediction } from '../contract.ts';
import type { CaseResult } from './cases.ts';
import { duration, gigabits, mebibytes, megabits } from './figures.ts';

/** What `drover policy explain` prints. */
export function explanationReport(explanation: PolicyExplanation): string {
  const { vm, source, destination, policy, priority, reason, lost, limits, decision } = explanation;
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
  ];
  if (!decision) return [...lines, '  technique   not decided: no traffic is known or given'].join('\n');
  lines.push(
    `  technique   ${decision.technique}, ${decision.strategy}${predicted(decision.prediction)}`,
    ...likelyLines(decision.prediction),
    ...decision.reasons.map(({ code, text }) => `    because   ${text} [${code}]`),
    ...decision.alternatives.map(
      ({ technique, reason: why }) => `    not       ${technique}: ${why.text} [${why.code}]`,
    ),
    ...decision.strategyAlternatives.map(
      ({ strategy, reason: why }) => `    not       ${strategy}: ${why.text} [${why.code}]`,
    ),
    ...reservedLines(`${source ?? 'source'} tx`, decision.reservation.sourceTx, decision.reservationChoices.sourceTx),
    ...reservedLines(
      `${destination ?? 'destination'} rx`,
      decision.reservation.destinationRx,
      decision.reservationChoices.destinationRx,
    ),
  );
  return lines.join('\n');
}

function reservedLines(
  link: string,
  reserved: Decision['reservation']['sourceTx'],
  choice: Decision['reservationChoices']['sourceTx'],
): string[] {
  if (!choice) return [];
  const shares = reserved
    ? `migration ${megabits(reserved.migration.rateBitsPerSecond)}, workload ${megabits(reserved.workload.rateBitsPerSecond)}`
    : 'nothing';
  return [
    `  reserved    ${link}: ${shares}`,
    `    because   ${choice.reason.text} [${choice.reason.code}]`,
    ...choice.alternatives.map(
      ({ priority, migrationBitsPerSecond, workloadBitsPerSecond, reason: { code, text } }) =>
        `    not       as ${priority}, migration ${megabits(migrationBitsPerSecond)}, workload ${megabits(workloadBitsPerSecond)}: ${text} [${code}]`,
    ),
  ];
}

function predicted(prediction: Prediction | null): string {
  if (!prediction) return '';
  const { totalMigrationTimeMs, downtimeMs, longestStallMs, ends } = prediction;
  if (ends === 'never') return '; predicted not to end';
  return `; predicted TMT ${duration(totalMigrationTimeMs.value)}, downtime ${duration(downtimeMs.value)}, longest stall ${duration(longestStallMs.value)}`;
}

/** What the prediction lies between; null: without end, or not kept. */
function likelyLines(prediction: Prediction | null): string[] {
  if (prediction?.ends !== 'completed') return [];
  const { totalMigrationTimeMs, downtimeMs, longestStallMs, bytes, iterationsBetween, lostBitsBetween } = prediction;
  const within = ({ low, high }: { low: number | null; high: number | null }, text: (value: number | null) => string) =>
    `${text(low)} to ${high === null ? 'without end' : text(high)}`;
  const lost = lostBitsBetween && Object.values(lostBitsBetween);
  const total = (end: 'low' | 'high') =>
    lost && !lost.some((each) => each[end] === null) ? lost.reduce((sum, each) => sum + (each[end] ?? 0), 0) : null;
  const figures = [
    `TMT ${within(totalMigrationTimeMs, duration)}`,
    `downtime ${within(downtimeMs, duration)}`,
    `longest stall ${within(longestStallMs, duration)}`,
    `sends ${within(bytes, mebibytes)}`,
    ...(iterationsBetween ? [`passes ${within(iterationsBetween, String)}`] : []),
    ...(lost ? [`workloads lose ${within({ low: total('low'), high: total('high') }, gigabits)}`] : []),
  ];
  return [`    likely    ${figures.join(', ')} (nine times of ten)`];
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
