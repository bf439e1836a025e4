import type { Notice, PolicyStatus } from 'drover-plugin/contract';
import { context, type Message, message, section } from './blocks.ts';
import { span } from './figures.ts';
import { code, joined, type Mrkdwn, md, moment, preformatted, prose } from './mrkdwn.ts';
import { dayOrTime } from './vmline.ts';

/** Which policy is active, since when, by which commit, and what was refused last. */
export function policy(status: PolicyStatus, nowMs: number): Message {
  const { active, refused, warnings } = status;
  const blocks = [section(joined(policyLines(status, nowMs), '\n'))];
  if (warnings.length > 0) blocks.push(section(preformatted(warnings, 2500)));
  if (refused) blocks.push(section(preformatted(refused.errors, 2500)));
  const words = active === null ? 'No policy is active: migrations go to Nova unchanged' : `Policy ${active}`;
  const also = refused ? `; a newer one was refused: ${refused.errors[0] ?? ''}` : '';
  return message(md`${words}${also}`, blocks);
}

export function policyLines({ active, loadedAtMs, refused, source, warnings }: PolicyStatus, nowMs: number): Mrkdwn[] {
  const lines: Mrkdwn[] = [];
  if (active === null) lines.push(md`⚠️ *No policy is active*: migrations go to Nova unchanged`);
  else {
    const since =
      loadedAtMs === null
        ? md``
        : md` · since ${moment(loadedAtMs, dayOrTime(loadedAtMs, nowMs))} (${span(nowMs - loadedAtMs)})`;
    const commit = source?.commit ? md` · commit ${code(source.commit, 12)}` : md` · not under git`;
    lines.push(md`📜 *Policy* ${code(active, 60)}${since}${commit}`);
  }
  if (source && source.files.length > 0)
    lines.push(
      md`from ${joined(
        source.files.slice(0, 6).map((file) => code(file, 60)),
        ' ',
      )}`,
    );
  if (warnings.length > 0) {
    lines.push(md`⚠️ with ${warnings.length === 1 ? 'a warning' : `${warnings.length} warnings`}`);
  }
  if (refused) {
    const count = refused.errors.length;
    lines.push(
      md`⛔ *A newer one was refused* ${moment(refused.atMs, dayOrTime(refused.atMs, nowMs))} with ${count === 1 ? 'an error' : `${count} errors`}; the one above stays in effect`,
    );
  }
  return lines;
}

const MARKS: Readonly<Record<Notice['code'], string>> = {
  'policy-loaded': '📜',
  'policy-refused': '⛔',
  'windows-changed': '🕑',
  'lookahead-failed': '⚠️',
  'plan-broken': '⚠️',
  unmanaged: '⚠️',
};

/** For the policy's channel: what was loaded or refused, with every error at its place. */
export function notice({ code: kind, text, details, atMs }: Notice): Message {
  const title = { 'policy-loaded': 'A policy took effect', 'policy-refused': 'A policy was refused' }[kind as string];
  const head = title ? md`${MARKS[kind]} *${title}*: ${prose(text, 1000)}` : md`${MARKS[kind]} ${prose(text, 1000)}`;
  return message(md`${title ? `${title}: ` : ''}${text}${details.length > 0 ? `: ${details[0]}` : ''}`, [
    section(head),
    ...(details.length > 0 ? [section(preformatted(details, 2500))] : []),
    context(md`${moment(atMs, 'seconds')}${kind === 'policy-refused' ? ' · the one before stays in effect' : ''}`),
  ]);
}
