import type { MigrationRecord } from 'drover-plugin/contract';
import type { Ask } from '../asks/ask.ts';
import { unescapeSlack } from '../command/words.ts';
import { type Message, message, section } from './blocks.ts';
import { counted } from './figures.ts';
import { headlineOf } from './headline.ts';
import { listBlocks } from './list.ts';
import { code, type Mrkdwn, md, moment } from './mrkdwn.ts';
import { totalsOf } from './totals.ts';
import { dayOrTime, recordLine, standingOfRecord } from './vmline.ts';

/** What somebody asked for and has not ended. */
export function ownStatus(asks: readonly Ask[], nowMs: number): Message {
  if (asks.length === 0) {
    const none = md`Nothing that you asked for waits or runs. \`/migrate status all\` shows everything.`;
    return message(none, [section(none)]);
  }
  const lines = asks.toSorted((a, b) => b.askedAtMs - a.askedAtMs).map((ask) => askLine(ask, nowMs));
  const title = md`*Your requests: ${asks.length}*`;
  return message(
    md`${counted(asks.length, 'request')} of yours ${asks.length === 1 ? 'waits or runs' : 'wait or run'}`,
    listBlocks(title, lines, 9000),
  );
}

function askLine(ask: Ask, nowMs: number): Mrkdwn {
  const totals = totalsOf(ask, nowMs);
  const { emoji, text } = headlineOf(ask, totals);
  const { endsAtMs } = totals;
  const end =
    endsAtMs !== null && endsAtMs > nowMs ? md` · ends about ${moment(endsAtMs, dayOrTime(endsAtMs, nowMs))}` : md``;
  return md`${emoji} ${text}${end} · ${code(`/migrate ${unescapeSlack(ask.text)}`, 60)}`;
}

/** Migrations of one server, or all that wait and run. */
export function status(target: string, records: readonly MigrationRecord[], nowMs: number): Message {
  const isAll = target === 'all';
  if (records.length === 0) {
    const none = isAll ? md`Nothing waits or runs.` : md`Nothing of ${code(target)} waits or runs.`;
    return message(none, [section(none)]);
  }
  const of = (standing: string) => records.filter((record) => standingOfRecord(record) === standing);
  const [running, waiting, done, troubled] = [of('running'), of('waiting'), of('done'), of('troubled')];
  const lines = (some: readonly MigrationRecord[]) => some.map((record) => recordLine(record, null, nowMs, 'full'));
  const ended = [...done, ...troubled].toSorted((a, b) => (b.endedAtMs ?? 0) - (a.endedAtMs ?? 0)).slice(0, 20);
  const subject = isAll ? '' : ` of ${target}`;
  return message(md`${running.length} running, ${waiting.length} waiting${subject}`, [
    ...listBlocks(md`*Running: ${running.length}*`, lines(running), 6000),
    ...listBlocks(md`*Waiting: ${waiting.length}*`, lines(byStart(waiting)), 3000),
    ...listBlocks(md`*Ended*`, lines(ended), 2000),
  ]);
}

/** As they are planned to start. */
export function byStart(records: readonly MigrationRecord[]): MigrationRecord[] {
  const start = ({ planned }: MigrationRecord) => planned?.startAtMs ?? Number.MAX_SAFE_INTEGER;
  return records.toSorted((a, b) => start(a) - start(b) || a.id - b.id);
}
