import Table from 'cli-table3';
import type { Comparable } from './compare.ts';
import { EXCEPTIONS } from './exceptions.ts';
import type { Difficulty, Report } from './run.ts';

const SHOWN = 200;

export function renderReport(report: Report): string {
  const table = new Table({ head: ['source', 'requests', 'refused by Nova', 'never twice the same'] });
  let total = 0;
  for (const [source, { count, volatile, refused }] of [...report.compared].sort()) {
    table.push([source, count, refused, volatile]);
    total += count;
  }
  const exceptions = EXCEPTIONS.map(({ name, why }) => `  ${report.excepted.get(name) ?? 0} × ${name}: ${why}`);
  return [
    table.toString(),
    `${total} requests: ${report.differing.length} differ, ${report.reordered.length} in the order of fields alone`,
    `answers took ${tookText(report.tookMs.direct)} directly, ${tookText(report.tookMs.through)} through Drover`,
    ...report.slow.map(
      ({ request: { source, name }, tookMs }) =>
        `- slow: ${source}, ${name}: ${Math.round(tookMs.direct)} ms directly, ${Math.round(tookMs.through)} ms through Drover`,
    ),
    ...(exceptions.length > 0 ? ['meant to differ:', ...exceptions] : []),
    ...report.differing.map(renderDifficulty),
    ...report.reordered.map(renderDifficulty),
  ].join('\n');
}

function tookText(tookMs: readonly number[]): string {
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN);
  return `${at(0.5)} ms (median), ${at(0.99)} ms (99 %), ${at(1)} ms (longest)`;
}

/** What differs, in as few words as tell it. */
export function renderDifficulty({ request, direct, through, found }: Difficulty): string {
  const { source, name, method, target } = request;
  const only = (one: Comparable, other: Comparable) => one.headers.filter((line) => !other.headers.includes(line));
  const side = (title: string, one: Comparable, other: Comparable) =>
    `    ${title}: ${one.status || one.end} ${JSON.stringify(only(one, other))} ${JSON.stringify(excerpt(one, other))}`;
  return [
    `- ${source}, ${name}: ${found.join(', ')}: ${method} ${target.slice(0, SHOWN)}`,
    side('Nova  ', direct, through),
    side('Drover', through, direct),
  ].join('\n');
}

/** The body from where it differs. */
function excerpt(one: Comparable, other: Comparable): string {
  if (one.body === other.body) return '';
  let at = 0;
  while (at < one.body.length && one.body[at] === other.body[at]) at += 1;
  return one.body.slice(Math.max(0, at - 40), at + SHOWN - 40);
}
