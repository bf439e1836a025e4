import type { Decision, PolicyExplanation, Prediction } from 'drover-plugin/contract';
import type { Ask } from '../asks/ask.ts';
import { context, header, type Message, MOST_TEXT, message, section, sectionsOf } from './blocks.ts';
import { bits, duration, percent, rate } from './figures.ts';
import { listBlocks } from './list.ts';
import { code, joined, type Mrkdwn, md, moment, preformatted, prose } from './mrkdwn.ts';
import { costTable } from './summary.ts';
import { dayOrTime } from './vmline.ts';

/** What the policy says of one server now, and why. */
export function explain(explanation: PolicyExplanation, nowMs: number): Message {
  const { vm, source, destination, policy, priority, reason, lost, limits, uplinks, decision } = explanation;
  const where = [
    ...(source ? [md`on ${code(source)}`] : []),
    ...(destination ? [md`to ${code(destination)}`] : []),
    md`by ${code(policy, 60)}`,
  ];
  const technique = decision ? `${decision.technique}, ${decision.strategy}` : 'technique not decided';
  return message(md`${vm}: priority ${priority}, ${technique}: ${reason.text}`, [
    header(`❓ ${vm}: ${priority}, ${technique}`),
    context(joined(where, ' · ')),
    ...listBlocks(
      md`*Priority ${priority}*: ${prose(reason.text)}`,
      lost.map(
        (rule) =>
          md`not ${code(rule.place, 60)} (${prose(rule.selectors, 100)}): ${rule.priority}; ${prose(rule.why, 150)}`,
      ),
      2500,
    ).concat(lost.length === 0 ? [section(md`*Priority ${priority}*: ${prose(reason.text)}`)] : []),
    section(joined([startLine(explanation, nowMs), ...deadlineLines(explanation, nowMs)], '\n')),
    ...(decision
      ? sectionsOf(decisionLines(decision), 2).blocks
      : [section(md`*Technique*: not decided, no traffic is known`)]),
    ...listBlocks(
      md`*Workloads are promised*`,
      limits.map(
        ({ link, lowerBitsPerSecond, upperBitsPerSecond, path }) =>
          md`${code(link)} at least ${rate(lowerBitsPerSecond)}, at most ${rate(upperBitsPerSecond)} (${prose(path, 60)})`,
      ),
      1500,
    ),
    ...listBlocks(
      destination === null ? md`*May cross switches*` : md`*Crosses switches*`,
      uplinks.map(
        ({ uplink, migrationBitsPerSecond, path }) =>
          md`${code(uplink)}: ${rate(migrationBitsPerSecond)} for all migrations (${prose(path, 60)})`,
      ),
      1500,
    ),
  ]);
}

/** Why each server of an ask moves as it does, and what it cost so far, to the one who clicked. */
export function why(ask: Ask, _nowMs: number): Message {
  const decided = ask.vms.flatMap(({ name, migration }) =>
    migration?.decision ? [{ name, decision: migration.decision }] : [],
  );
  if (decided.length === 0) {
    const none = md`Nothing is decided yet: it is when the migration's turn has come.`;
    return message(none, [section(none)]);
  }
  const lines = decided.flatMap(({ name, decision }) => [
    md`*${code(name)}*: ${decision.priority}, by ${code(decision.policy, 60)}`,
    ...decisionLines(decision),
  ]);
  const [first] = decided;
  const words = first
    ? md`${first.name}: ${first.decision.technique}, ${first.decision.reasons[0]?.text ?? ''}`
    : md`–`;
  const table = costTable(ask);
  const cost = table
    ? [
        section(preformatted(table, 2900)),
        context(
          md`TMT: set-up to the end on the source. Downtime: the guest's blackout. Lost: traffic of both links before it less during it.`,
        ),
      ]
    : [];
  return message(words, [...listBlocks(md`*Why so?*`, lines, MOST_TEXT - 5500), ...cost]);
}

/** Technique, strategy and reservation with the reasons, and what was not chosen. */
function decisionLines(decision: Decision): Mrkdwn[] {
  const { technique, strategy, reasons, alternatives, strategyAlternatives, classification, prediction } = decision;
  const traffic = classification
    ? [
        md`• traffic: ${percent(classification.utilisation)} of the busier link (${classification.contention} contention), scenario ${classification.scenario}, server ${classification.cluster}`,
      ]
    : [];
  return [
    md`*${technique}*, *${strategy}*${predicted(prediction)}`,
    ...traffic,
    ...reasons.slice(0, 6).map(({ text }) => md`• ${prose(text, 200)}`),
    ...alternatives
      .slice(0, 3)
      .map((one) => md`• not ${one.technique}: ${prose(one.reason.text, 200)}${predicted(one.prediction)}`),
    ...strategyAlternatives.map((one) => md`• not ${one.strategy}: ${prose(one.reason.text, 200)}`),
    ...reservedLines(decision),
  ];
}

function reservedLines({ reservation, reservationChoices }: Decision): Mrkdwn[] {
  const ends = [
    ['the source', reservation.sourceTx, reservationChoices.sourceTx],
    ['the destination', reservation.destinationRx, reservationChoices.destinationRx],
  ] as const;
  return ends.flatMap(([end, reserved, choice]) => {
    if (!choice) return [];
    const share = reserved ? md`${rate(reserved.migration.rateBitsPerSecond)} for the migration` : md`nothing`;
    return [md`• reserved on ${end}: ${share}; ${prose(choice.reason.text, 200)}`];
  });
}

function predicted(prediction: Prediction | null): string {
  if (!prediction) return '';
  const { totalMigrationTimeMs, downtimeMs, lostBits, ends } = prediction;
  if (ends === 'never') return '; predicted not to end';
  const links =
    lostBits.sourceTx === null || lostBits.destinationRx === null ? null : lostBits.sourceTx + lostBits.destinationRx;
  return `; predicted TMT ${duration(totalMigrationTimeMs.value)}, downtime ${duration(downtimeMs.value)}, workloads lose ${bits(links)}`;
}

function startLine({ startsAtMs, atMs }: PolicyExplanation, nowMs: number): Mrkdwn {
  if (startsAtMs === null) return md`*Start*: never, its windows do not open`;
  if (startsAtMs <= atMs) return md`*Start*: at once, as far as windows go`;
  return md`*Start*: not before ${moment(startsAtMs, dayOrTime(startsAtMs, nowMs))} (windows)`;
}

const ADMISSIONS = { accept: 'accepted', warn: 'accepted with a warning', refuse: 'refused' };

function deadlineLines({ deadlineAtMs, deadlineReason, admission }: PolicyExplanation, nowMs: number): Mrkdwn[] {
  return [
    ...(deadlineAtMs === null
      ? []
      : [md`*Deadline*: ${moment(deadlineAtMs, dayOrTime(deadlineAtMs, nowMs))}, if it is asked for now`]),
    ...(deadlineReason ? [md`• ${prose(deadlineReason.text)}`] : []),
    ...(admission
      ? [
          md`*Admission*: ${ADMISSIONS[admission.verdict]}${admission.reason ? md`: ${prose(admission.reason.text)}` : md``}`,
        ]
      : []),
  ];
}
