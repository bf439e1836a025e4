import type { Decision, Prediction, Reason } from '../contract.ts';
import { duration, gigabits, mebibytes, megabits } from './figures.ts';

/** Destinations (where Drover chose one), techniques and strategy that were not chosen, and why. */
export function rejectedLines({ destination, alternatives, strategyAlternatives }: Decision): string[] {
  return [
    ...(destination?.rejected ?? []).map(
      ({ host, reason: { code, text } }) => `    not       ${host}: ${text} [${code}]`,
    ),
    ...alternatives.map(({ technique, reason: { code, text } }) => `    not       ${technique}: ${text} [${code}]`),
    ...strategyAlternatives.map(
      ({ strategy, reason: { code, text } }) => `    not       ${strategy}: ${text} [${code}]`,
    ),
  ];
}

/** What is reserved on both links, why, and what it would be for other priorities. */
export function reservedLines(
  { reservation, reservationChoices }: Decision,
  { source, destination }: { source: string | null; destination: string | null },
): string[] {
  const limit = reservation.streamBitsPerSecond ?? null;
  return [
    ...linkLines(`${source ?? 'source'} tx`, reservation.sourceTx, reservationChoices.sourceTx),
    ...linkLines(`${destination ?? 'destination'} rx`, reservation.destinationRx, reservationChoices.destinationRx),
    ...(limit === null
      ? []
      : [
          `  slowed      to ${megabits(limit)}, ${reservation.streamReason ? whyHeld(reservation.streamReason) : 'while one of higher priority shares a link with it'}`,
        ]),
  ];
}

function whyHeld({ code, text }: Reason): string {
  return `as it is ${text} [${code}]`;
}

function linkLines(
  link: string,
  reserved: Decision['reservation']['sourceTx'],
  choice: Decision['reservationChoices']['sourceTx'],
): string[] {
  const shares = (migration: number, workload: number) =>
    `migration ${megabits(migration)}, workload ${megabits(workload)}`;
  return [
    `  reserved    ${link}: ${reserved ? shares(reserved.migration.rateBitsPerSecond, reserved.workload.rateBitsPerSecond) : 'nothing'}`,
    ...(choice ? [`    because   ${choice.reason.text} [${choice.reason.code}]`] : []),
    ...(choice?.alternatives ?? []).map(
      ({ priority, migrationBitsPerSecond, workloadBitsPerSecond, reason: { code, text } }) =>
        `    not       as ${priority}, ${shares(migrationBitsPerSecond, workloadBitsPerSecond)}: ${text} [${code}]`,
    ),
  ];
}

/** What the prediction lies between; null: without end, or not kept. */
export function likelyLines(prediction: Prediction | null): string[] {
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
