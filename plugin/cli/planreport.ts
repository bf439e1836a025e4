import Table from 'cli-table3';
import type { Plan, PlannedMigration, PlannedTimes, WhatIfAnswer, WorkloadEffect } from '../contract.ts';
import { duration, fromNow, gigabits, megabits } from './figures.ts';

/** What `drover plan` prints. */
export function planReport({ atMs, policy, migrations, workloads, reason }: Plan): string {
  if (reason) return `no plan: ${reason.text} [${reason.code}]`;
  if (migrations.length === 0) return `nothing waits or runs (policy ${policy})`;
  return [
    `plan by ${policy} of ${new Date(atMs).toISOString()}`,
    migrationsTable(migrations, atMs),
    ...reasonsOf(migrations),
    ...lossLines(workloads),
  ].join('\n');
}

/** What `drover plan --dry-run` prints. */
export function whatIfReport({ atMs, policy, migrations, refused, delayed, workloads }: WhatIfAnswer): string {
  const delays = delayed.map(({ id, vmName, before, after, laterMs, missesDeadline }) => {
    const when = `ETA ${eta(before, atMs)} → ${eta(after, atMs)}`;
    const later = laterMs === null ? 'without a foreseeable end' : `${duration(laterMs)} later`;
    return `  ${id ?? '–'} ${vmName}: ${later} (${when})${missesDeadline ? ', misses its deadline then' : ''}`;
  });
  return [
    `if it were asked for now, by ${policy}; nothing is changed`,
    ...(migrations.length > 0 ? [migrationsTable(migrations, atMs)] : []),
    ...refused.map(({ vmName, reason }) => `  ${vmName} would not be taken: ${reason.text} [${reason.code}]`),
    ...reasonsOf(migrations),
    ...(delays.length > 0 ? ['later for it', ...delays] : ['nothing that waits or runs would end later for it']),
    ...lossLines(workloads),
  ].join('\n');
}

function migrationsTable(migrations: readonly PlannedMigration[], nowMs: number): string {
  const table = new Table({
    head: ['ID', 'VM', 'From', 'To', 'Priority', 'Technique', 'Strategy', 'Start', 'ETA', 'Rate', 'Deadline'],
    style: { head: [], border: [] },
  });
  for (const one of migrations) {
    table.push([
      one.id ?? '–',
      one.vmName,
      one.source,
      one.destination ?? '?',
      one.priority ?? '–',
      one.technique ?? '–',
      one.strategy ?? '–',
      one.running ? 'runs' : fromNow(one.startAtMs, nowMs),
      eta(one, nowMs),
      one.rates.map(({ bitsPerSecond }) => megabits(bitsPerSecond)).join(' → ') || '–',
      one.deadline ? `${fromNow(one.deadline.atMs, nowMs)}: ${one.deadline.verdict}` : '–',
    ]);
  }
  return table.toString();
}

/** `in 40 s (30 s to 1 min 10 s)`. */
export function eta({ endAtMs: { value, low, high } }: PlannedTimes, nowMs: number): string {
  if (value === null) return '–';
  const bound = (atMs: number | null) => (atMs === null ? '?' : fromNow(atMs, nowMs).replace(/^in /, ''));
  return `${fromNow(value, nowMs)} (${bound(low)} to ${bound(high)})`;
}

function reasonsOf(migrations: readonly PlannedMigration[]): string[] {
  return migrations.flatMap(({ vmName, reason }) => (reason ? [`  ${vmName}: ${reason.text} [${reason.code}]`] : []));
}

function lossLines(workloads: readonly (WorkloadEffect & { lostBitsWithout?: number })[]): string[] {
  const lines = workloads.flatMap(({ link, workloadBitsPerSecond, lostBits, lostBitsWithout, overMs }) => {
    if (lostBits === 0) return [];
    const before = lostBitsWithout === undefined ? '' : `, ${gigabits(lostBitsWithout)} of it without this`;
    const offered = (workloadBitsPerSecond * overMs) / 1000;
    const share = offered > 0 ? ` (${Math.round((100 * lostBits) / offered)} %)` : '';
    return [
      `  ${link}: ${gigabits(lostBits)}${share} in ${duration(overMs)}, at ${megabits(workloadBitsPerSecond)} now${before}`,
    ];
  });
  return lines.length === 0
    ? ['no workload loses anything on these links']
    : ['what the workload does not get', ...lines];
}
