import type { DelayedMigration, PlannedMigration, PlannedTimes, WhatIfAnswer } from 'drover-plugin/contract';
import type { Request } from '../command/command.ts';
import { writeCommand } from '../command/write.ts';
import { lossOf } from '../rights/loss.ts';
import { context, header, type Message, message, section } from './blocks.ts';
import { bits, counted, duration, percent, rate, span } from './figures.ts';
import { listBlocks } from './list.ts';
import { code, joined, type Mrkdwn, md, moment, prose } from './mrkdwn.ts';
import { noteBlocks } from './note.ts';
import { dayOrTime } from './vmline.ts';

/** What would happen, in a few words each: when all is done, what workloads lose, whom it delays, deadlines. */
export function outlookOf(answer: WhatIfAnswer, nowMs: number): string[] {
  const { migrations, refused, delayed } = answer;
  const ends = migrations.map(({ endAtMs }) => endAtMs.value);
  const last = ends.includes(null) ? null : Math.max(nowMs, ...ends.filter((each) => each !== null));
  const loss = lossOf(answer);
  const late = migrations.filter(({ deadline }) => deadline?.verdict === 'late').length;
  return [
    ...(migrations.length > 0 ? [last === null ? 'no foreseeable end' : `all done in ${span(last - nowMs)}`] : []),
    ...(loss
      ? [
          loss.bits > 0
            ? `workloads lose ${bits(loss.bits)}, ${percent(loss.share)} of the worst link`
            : 'workloads lose nothing',
        ]
      : []),
    ...(delayed.length > 0 ? [`${counted(delayed.length, 'other')} later for it`] : []),
    ...(late > 0
      ? [`deadline missed by ${late}`]
      : migrations.some(({ deadline }) => deadline)
        ? ['deadline kept']
        : []),
    ...(refused.length > 0 ? [`${refused.length} would not be taken`] : []),
  ];
}

/** What would happen if it were asked for now; `note`: what of it is left out. */
export function plan(request: Request, answer: WhatIfAnswer, nowMs: number, note: string | null = null): Message {
  const { migrations, refused, delayed, workloads, policy } = answer;
  const verdicts = outlookOf(answer, nowMs);
  const [first, ...rest] = verdicts;
  const { startAtMs } = request;
  const later =
    startAtMs === null
      ? []
      : [
          context(
            md`🕑 planned as if it began now: it would wait until ${moment(startAtMs, dayOrTime(startAtMs, nowMs))}`,
          ),
        ];
  const lines = workloads.filter(({ lostBits }) => lostBits > 0).map(workloadLine);
  return message(md`Plan: ${verdicts.join(', ')}. Nothing is changed.`, [
    header(`🔮 ${counted(migrations.length, 'server')}: ${first ?? 'nothing would move'}`),
    ...(rest.length > 0 ? [section(md`${rest.join(' · ')}`)] : []),
    context(
      md`if ${code(`/migrate ${writeCommand(request)}`, 200)} were asked for now, by ${code(policy ?? 'no policy')}; nothing is changed`,
    ),
    ...later,
    ...noteBlocks(note),
    ...listBlocks(
      md`*In this order*`,
      migrations.map((one, index) => plannedLine(one, index, nowMs)),
      5500,
    ),
    ...listBlocks(
      md`*Would not be taken: ${refused.length}*`,
      refused.map(({ vmName, reason }) => md`⛔ ${code(vmName)} ${prose(reason.text)}`),
      1500,
    ),
    ...listBlocks(
      md`*Would end later for it: ${delayed.length}*`,
      delayed.map((one) => delayedLine(one, nowMs)),
      2000,
    ),
    ...listBlocks(md`*What workloads lose*`, lines, 2000),
  ]);
}

function plannedLine(one: PlannedMigration, index: number, nowMs: number): Mrkdwn {
  const { vmName, source, destination, technique, strategy, running, startAtMs, rates, reason } = one;
  const parts: Mrkdwn[] = [
    md`${code(source, 24)} → ${destination === null ? '?' : code(destination, 24)}`,
    md`*${technique ?? "Nova's own way"}*${strategy ? `, ${strategy}` : ''}`,
    running
      ? md`runs`
      : startAtMs === null
        ? md`start not foreseeable`
        : startAtMs <= nowMs + 1000
          ? md`starts now`
          : md`starts in ${span(startAtMs - nowMs)}`,
    eta(one, nowMs),
    ...(rates.length > 0
      ? [
          md`${rates
            .slice(0, 3)
            .map(({ bitsPerSecond }) => rate(bitsPerSecond))
            .join(' → ')}`,
        ]
      : []),
    ...lossPart(one),
    ...deadlinePart(one, nowMs),
    ...(reason ? [prose(reason.text, 150)] : []),
  ];
  return md`${index + 1}. ${code(vmName)} ${joined(parts, ' · ')}`;
}

function eta({ endAtMs: { value, low, high } }: PlannedTimes, nowMs: number): Mrkdwn {
  if (value === null) return md`no ETA`;
  const bound = (atMs: number | null) => (atMs === null ? '?' : span(atMs - nowMs));
  return md`ETA ${moment(value, dayOrTime(value, nowMs))} (in ${span(value - nowMs)}; ${bound(low)} to ${bound(high)})`;
}

function lossPart({ lostBits }: PlannedMigration): Mrkdwn[] {
  if (!lostBits) return [];
  const { sourceTx, destinationRx, vm } = lostBits;
  const links = sourceTx === null || destinationRx === null ? null : sourceTx + destinationRx;
  const words = [
    ...(links === null ? ['loss without bound'] : links > 0 ? [`links lose ${bits(links)}`] : []),
    ...(vm !== null && vm > 0 ? [`the server itself ${bits(vm)}`] : []),
  ];
  return words.length === 0 ? [] : [md`${words.join(', ')}`];
}

function deadlinePart({ deadline, endAtMs }: PlannedMigration, nowMs: number): Mrkdwn[] {
  if (!deadline) return [];
  const at = moment(deadline.atMs, dayOrTime(deadline.atMs, nowMs));
  switch (deadline.verdict) {
    case 'kept':
      return [md`✅ keeps its deadline ${at}`];
    case 'in-danger':
      return [md`⚠️ deadline ${at} in danger`];
    case 'late': {
      const by = endAtMs.value === null ? md`` : md` by ${span(endAtMs.value - deadline.atMs)}`;
      return [md`❌ *misses its deadline* ${at}${by}`];
    }
  }
}

export function delayedLine(
  { vmName, before, after, laterMs, missesDeadline }: DelayedMigration,
  nowMs: number,
): Mrkdwn {
  const at = (times: PlannedTimes) => {
    const { value } = times.endAtMs;
    return value === null ? md`?` : moment(value, dayOrTime(value, nowMs));
  };
  const later = laterMs === null ? 'without a foreseeable end' : `${duration(laterMs)} later`;
  const miss = missesDeadline ? md` · ❌ *misses its deadline then*` : md``;
  return md`${code(vmName)} ${later} (ETA ${at(before)} → ${at(after)})${miss}`;
}

function workloadLine({
  link,
  workloadBitsPerSecond,
  lostBits,
  lostBitsWithout,
  overMs,
}: WhatIfAnswer['workloads'][number]): Mrkdwn {
  const offered = (workloadBitsPerSecond * overMs) / 1000;
  const share = offered > 0 ? ` (${percent(lostBits / offered)})` : '';
  const before = lostBitsWithout > 0 ? `, ${bits(lostBitsWithout)} of it anyway` : '';
  return md`${code(link)} ${bits(lostBits)}${share} in ${duration(overMs)}, of ${rate(workloadBitsPerSecond)} now${before}`;
}
