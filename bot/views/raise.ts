import type { PlannedMigration, PlannedTimes, Priority, WhatIfAnswer } from 'drover-plugin/contract';
import type { Ask } from '../asks/ask.ts';
import { writeValue } from '../asks/click.ts';
import type { RaiseForeseen } from '../asks/raise.ts';
import { lossOf } from '../rights/loss.ts';
import { actions, button, context, header, type Message, message, section } from './blocks.ts';
import { bits, counted, percent, span } from './figures.ts';
import { listBlocks } from './list.ts';
import { code, joined, type Mrkdwn, md, moment, prose } from './mrkdwn.ts';
import { delayedLine, outlookOf } from './plan.ts';
import { dayOrTime } from './vmline.ts';

/** What another priority would change, with the button that gives it. */
export function raise(ask: Ask, to: Priority, { answer, missing, needed }: RaiseForeseen, nowMs: number): Message {
  const costs = answer ? lossLine(answer) : md`What it would change cannot be told: ${prose(missing ?? '', 500)}.`;
  const lines = (answer?.migrations ?? []).map((one) => raisedLine(one, before(answer, one), nowMs));
  return message(md`Raise to ${to}? ${costs}`, [
    header(`⬆️ Raise to ${to}?`),
    ...listBlocks(md`*As priority ${to}*`, lines, 2500),
    section(costs),
    ...listBlocks(
      md`*Would end later for it: ${answer?.delayed.length ?? 0}*`,
      (answer?.delayed ?? []).map((one) => delayedLine(one, nowMs)),
      2000,
    ),
    ...(needed === null
      ? []
      : [section(md`✋ *It takes a second person:* ${prose(needed, 500)}. With your click you are that one.`)]),
    context(md`as things stand now; nothing is changed yet`),
    ...actions(`raise:${ask.id}`, [
      button({
        label: `Raise to ${to}`,
        actionId: `ask.raise-now:${to}`,
        value: writeValue(ask.id, to),
        style: 'primary',
      }),
    ]),
  ]);
}

/** To somebody who may ask for it, and whose word alone does not do. */
export function raiseBarred(
  to: Priority,
  { answer, missing, needed }: RaiseForeseen,
  barred: string,
  nowMs: number,
): string {
  const figures = answer ? outlookOf(answer, nowMs).join(', ') : `nobody can tell (${missing ?? ''})`;
  return `it takes a second person to raise it to ${to} (${needed}): ${barred}. What they would agree to: ${figures}`;
}

function before(answer: WhatIfAnswer | null, { id }: PlannedMigration): PlannedTimes | null {
  return answer?.unchanged.find((one) => one.id === id) ?? null;
}

function raisedLine(after: PlannedMigration, present: PlannedTimes | null, nowMs: number): Mrkdwn {
  const eta = (times: PlannedTimes | null) => {
    const value = times?.endAtMs.value ?? null;
    return value === null ? md`?` : moment(value, dayOrTime(value, nowMs));
  };
  const [was, is] = [present?.endAtMs.value ?? null, after.endAtMs.value];
  const gain =
    was === null || is === null
      ? []
      : [Math.abs(was - is) < 1000 ? md`no sooner` : md`${span(Math.abs(was - is))} ${was > is ? 'sooner' : 'later'}`];
  return md`${code(after.vmName)} ${joined([md`ETA ${eta(present)} → ${eta(after)}`, ...gain], ' · ')}`;
}

/** Beside the present plan, and beside a world without it: the second is what an approval goes by. */
function lossLine(answer: WhatIfAnswer): Mrkdwn {
  const loss = lossOf(answer);
  if (loss === null) return md`What workloads would lose is not predicted.`;
  const more = answer.workloads.reduce(
    (sum, { lostBits, lostBitsNow }) => sum + Math.max(0, lostBits - lostBitsNow),
    0,
  );
  const first = more > 0 ? `Workloads lose ${bits(more)} more than as it is` : 'Workloads lose no more than as it is';
  const all = loss.bits - more < 1e6 ? '' : ` ${bits(loss.bits)} in all,`;
  const share = loss.bits > 0 ? `:${all} ${percent(loss.share)} of ${loss.worstLink ?? 'the worst link'}` : '';
  const others = answer.delayed.length > 0 ? `; ${counted(answer.delayed.length, 'other')} later for it` : '';
  return md`${first}${share}${others}.`;
}
