import type { MigrationRecord, Priority, ProgressReport } from 'drover-plugin/contract';
import type { AskedVm } from '../asks/ask.ts';
import { bar, duration, percent, rate, span } from './figures.ts';
import { code, joined, type Mrkdwn, md, moment, prose } from './mrkdwn.ts';

/** Where a server of an ask stands, in the order in which people look for it. */
export type Standing = 'troubled' | 'running' | 'waiting' | 'done';

export function standingOf({ submission, migration }: AskedVm): Standing {
  if (submission === 'refused') return 'troubled';
  return migration ? standingOfRecord(migration) : 'waiting';
}

export function standingOfRecord({ state }: Pick<MigrationRecord, 'state'>): Standing {
  switch (state) {
    case 'failed':
    case 'aborted':
      return 'troubled';
    case 'completed':
      return 'done';
    case 'received':
    case 'queued':
      return 'waiting';
    default:
      return 'running';
  }
}

/** `full` for a few servers; `short` where there are so many that each line counts. */
export type Width = 'full' | 'short';

const SHORT_NAME = 24;

/** One server of an ask on one line. */
export function vmLine(vm: AskedVm, nowMs: number, width: Width): Mrkdwn {
  const { name, submission, refusal, migration, progress } = vm;
  if (submission === 'refused') {
    return md`⛔ ${track(0, '–')} ${named(name, width)} refused: ${prose(refusal?.text ?? '', width === 'full' ? 300 : 80)}`;
  }
  if (!migration) {
    const text =
      submission === 'accepted' ? 'is asked for' : submission === 'asked' ? 'is being asked for' : 'not asked for yet';
    return md`⏳ ${track(0, '')} ${named(name, width)} ${text}`;
  }
  const line = recordLine(migration, progress, nowMs, width);
  const orders = ordersText(vm);
  return orders ? md`${line} · ${orders}` : line;
}

/** One migration on one line. */
export function recordLine(
  migration: MigrationRecord,
  progress: ProgressReport | null,
  nowMs: number,
  width: Width,
): Mrkdwn {
  const { vmName, state } = migration;
  const name = named(vmName, width);
  const way = width === 'full' ? [wayOf(migration)] : [];
  switch (standingOfRecord(migration)) {
    case 'done':
      return line(md`✅ ${track(1)} ${name}`, [...way, ...outcomeParts(migration, width)]);
    case 'troubled': {
      const reason = prose(migration.stateReason?.text ?? state, width === 'full' ? 300 : 80);
      return state === 'failed'
        ? md`❌ ${track(0, '–')} ${name} failed: ${reason}`
        : md`🚫 ${track(0, '–')} ${name} aborted: ${reason}`;
    }
    case 'waiting':
      return line(md`⏳ ${track(0, 'waits')} ${name}`, [...way, ...waitingParts(migration, nowMs, width)]);
    case 'running': {
      const share = shareOf(migration, progress);
      // Where they are many, they stand below one another under a title that says so.
      return line(md`${width === 'full' ? '🚚 ' : ''}${track(share ?? 0)} ${name}`, [
        ...way,
        ...runningParts(migration, progress, nowMs, width),
      ]);
    }
  }
}

/** How much of the memory has gone over, 0-1; null: nothing is known of it yet. */
export function shareOf(migration: MigrationRecord, progress: ProgressReport | null): number | null {
  if (migration.state === 'completed') return 1;
  const newest = progress ?? migration.progress;
  if (!newest || newest.totalBytes <= 0) return null;
  return Math.min(1, Math.max(0, 1 - newest.remainingBytes / newest.totalBytes));
}

/** When it ends, by the plan, or by what is left where it has no plan. Null: nobody can tell. */
export function endsAtMs(migration: MigrationRecord, progress: ProgressReport | null, nowMs: number): number | null {
  const planned = migration.planned?.endAtMs.value ?? null;
  if (planned !== null && planned > nowMs) return planned;
  const newest = progress ?? migration.progress;
  if (!newest || newest.transferBitsPerSecond <= 0) return planned;
  return nowMs + (newest.remainingBytes * 8000) / newest.transferBitsPerSecond;
}

/** The priority that counts now; null: not decided yet. */
export function priorityOf({ asked, decision }: MigrationRecord): Priority | null {
  return asked?.priority ?? decision?.priority ?? null;
}

function named(name: string, width: Width): Mrkdwn {
  return width === 'full' ? code(name) : code(name, SHORT_NAME);
}

/** The bar and what stands behind it, always equally long, so that names stand below one another. */
function track(share: number, word?: string): Mrkdwn {
  return { mrkdwn: `\`${bar(share)} ${(word ?? percent(Math.floor(share * 100) / 100)).padStart(5)}\`` };
}

function wayOf({ source, destination }: MigrationRecord): Mrkdwn {
  return md`${code(source, SHORT_NAME)} → ${destination === null ? '?' : code(destination, SHORT_NAME)}`;
}

function runningParts(
  migration: MigrationRecord,
  progress: ProgressReport | null,
  nowMs: number,
  width: Width,
): Mrkdwn[] {
  const newest = progress ?? migration.progress;
  const ends = endsAtMs(migration, progress, nowMs);
  return [
    ...(width === 'full' ? [techniqueNow(migration, progress)] : []),
    ...(newest && newest.transferBitsPerSecond > 0 ? [md`${rate(newest.transferBitsPerSecond)}`] : []),
    ...(ends === null
      ? []
      : [md`${ends <= nowMs ? 'about to end' : `${span(ends - nowMs)}${width === 'full' ? ' left' : ''}`}`]),
    ...deadlineParts(migration, nowMs),
  ];
}

/** What it does now: hybrid-copy begins as pre-copy and becomes post-copy. */
function techniqueNow({ decision, state }: MigrationRecord, progress: ProgressReport | null): Mrkdwn {
  const now = progress?.state ?? state;
  if (now === 'reserving' || now === 'submitted') return md`starts`;
  const technique = decision?.technique ?? "Nova's own way";
  if (now === 'switching') return md`${technique}, switching to post-copy`;
  return now === 'post-copy' && technique !== 'post-copy' ? md`${technique}, in post-copy` : md`${technique}`;
}

function waitingParts(migration: MigrationRecord, nowMs: number, width: Width): Mrkdwn[] {
  const { planned, decision, asked } = migration;
  const from = planned?.reason?.code === 'not-before' ? (asked?.notBeforeAtMs ?? null) : null;
  if (from !== null)
    return [md`not before ${moment(from, dayOrTime(from, nowMs))}`, ...deadlineParts(migration, nowMs)];
  const start = planned?.startAtMs ?? null;
  const end = planned?.endAtMs.value ?? null;
  const why = planned?.reason ?? migration.stateReason;
  return [
    ...(width === 'full' && decision ? [md`${decision.technique}`] : []),
    ...(start === null ? [] : [start <= nowMs ? md`starts now` : md`starts ${moment(start, dayOrTime(start, nowMs))}`]),
    ...(end === null ? [] : [md`ETA ${moment(end, dayOrTime(end, nowMs))}`]),
    ...(start === null && why ? [prose(why.text, width === 'full' ? 200 : 60)] : []),
    ...deadlineParts(migration, nowMs),
  ];
}

/** The time of day is enough for what is near. */
export function dayOrTime(atMs: number, nowMs: number): 'time' | 'day-and-time' {
  return Math.abs(atMs - nowMs) < 6 * 3600_000 ? 'time' : 'day-and-time';
}

/** Only what is wrong with it: a deadline that is kept is no news. */
function deadlineParts({ asked, planned, endedAtMs }: MigrationRecord, nowMs: number): Mrkdwn[] {
  const deadline = asked?.deadlineAtMs ?? null;
  if (deadline === null) return [];
  const end = endedAtMs ?? planned?.endAtMs.value ?? nowMs;
  if (end > deadline) return [md`⚠️ *${span(end - deadline)} after its deadline*`];
  const worst = planned?.endAtMs.high ?? null;
  return endedAtMs === null && worst !== null && worst > deadline ? [md`⚠️ deadline in danger`] : [];
}

function outcomeParts(migration: MigrationRecord, width: Width): Mrkdwn[] {
  const { outcome, decision } = migration;
  const seen = outcome?.postCopySeen && decision && decision.technique === 'pre-copy' ? ' (ended in post-copy)' : '';
  return [
    ...(width === 'full' && decision ? [md`${decision.technique}${seen}`] : []),
    md`TMT ${duration(outcome?.totalMigrationTimeMs)}`,
    md`downtime ${duration(outcome?.downtimeMs)}`,
    ...deadlineParts(migration, migration.endedAtMs ?? 0),
  ];
}

/** What was clicked for it and is not done yet, or was refused. */
function ordersText({ cancel, raise, migration }: AskedVm): Mrkdwn | null {
  const hasEnded = migration !== null && ['done', 'troubled'].includes(standingOfRecord(migration));
  const texts: Mrkdwn[] = [];
  if (cancel && !hasEnded) {
    if (cancel.outcome === null || cancel.outcome === 'done') texts.push(md`_being cancelled_`);
    else texts.push(md`⚠️ not cancelled: ${prose(cancel.outcome.text, 120)}`);
  }
  if (raise && !hasEnded && raise.outcome !== 'done') {
    if (raise.outcome === null) texts.push(md`_priority ${raise.to} is being set_`);
    else texts.push(md`⚠️ not ${raise.to}: ${prose(raise.outcome.text, 120)}`);
  }
  return texts.length === 0 ? null : joined(texts, ' · ');
}

function line(start: Mrkdwn, parts: readonly Mrkdwn[]): Mrkdwn {
  return parts.length === 0 ? start : md`${start} ${joined(parts, ' · ')}`;
}
