import type { Priority } from 'drover-plugin/contract';
import { globMatches } from 'drover-plugin/policy/glob';
import type { Loss } from './loss.ts';
import type { Move } from './may.ts';
import type { Approval, Rule } from './schema.ts';

/** What is known of an ask before it is submitted. */
export interface Prospect {
  /** Of the wish; null: the policy's. */
  priority: Priority | null;
  /** What the what-if says that it will get; the highest counts. */
  foreseenPriorities: readonly Priority[];
  /** The host that is drained; null: it is no drain. */
  drains: string | null;
  moves: readonly Move[];
  /** Null: not predicted. */
  loss: Loss | null;
}

/**
 * Why a second person must agree, null: nobody must. A loss that cannot be predicted counts as beyond every limit: what
 * the rule is for is not to be surprised.
 *
 * | rule                                  | ask                              | needs it |
 * |---------------------------------------|----------------------------------|----------|
 * | `priorities: [high], lossAbove: 20 %` | high, predicted 25 %             | yes      |
 * |                                       | high, predicted 20 %             | no       |
 * |                                       | high, not predicted              | yes      |
 * |                                       | low, predicted 90 %              | no       |
 * | `serversAbove: 10`                    | 11 servers                       | yes      |
 * | `drain: true, hosts: [gpu-*]`         | drain of gpu-1                   | yes      |
 */
export function approvalReason({ rules }: Approval, prospect: Prospect): string | null {
  for (const rule of rules) {
    const texts = holding(rule, prospect);
    if (texts) return texts.join(', ');
  }
  return null;
}

/** Unix time, ms, at which an ask of that time is refused if nobody has approved it. */
export function approvalEndsAtMs({ expiresAfterMinutes }: Approval, askedAtMs: number): number {
  return askedAtMs + expiresAfterMinutes * 60_000;
}

/** What of the prospect meets each part of the rule; null: some part is not met. */
function holding(rule: Rule, { priority, foreseenPriorities, drains, moves, loss }: Prospect): string[] | null {
  const texts: string[] = [];
  if (rule.priorities) {
    const asked = [...(priority ? [priority] : foreseenPriorities)];
    const met = rule.priorities.find((each) => asked.includes(each));
    // The policy decides, and nobody could foresee how: it may become any.
    if (met === undefined && asked.length > 0) return null;
    texts.push(met ? `priority ${met}` : 'a priority that nobody can foresee');
  }
  if (rule.drain) {
    if (drains === null) return null;
    texts.push(`a drain of ${drains}`);
  }
  if (rule.hosts) {
    const { hosts } = rule;
    const touched = [...moves.flatMap(({ source, destination }) => [source, destination]), drains];
    const met = touched.find((host) => host !== null && hosts.some((glob) => globMatches(glob, host)));
    if (met === undefined) return null;
    texts.push(`host ${met}`);
  }
  if (rule.serversAbove !== undefined) {
    if (moves.length <= rule.serversAbove) return null;
    texts.push(`${moves.length} servers, more than ${rule.serversAbove}`);
  }
  if (rule.lossAbove) {
    const text = lossText(rule.lossAbove, loss);
    if (text === null) return null;
    texts.push(text);
  }
  return texts;
}

function lossText(limit: NonNullable<Rule['lossAbove']>, loss: Loss | null): string | null {
  if (!loss) return 'a workload loss that nobody can predict';
  if ('share' in limit) {
    if (loss.share <= limit.share) return null;
    const link = loss.worstLink ? ` on ${loss.worstLink}` : '';
    return `workloads lose ${percent(loss.share)}${link}, more than ${percent(limit.share)}`;
  }
  if (loss.bits <= limit.bits) return null;
  return `workloads lose ${gigabits(loss.bits)}, more than ${gigabits(limit.bits)}`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function gigabits(bits: number): string {
  return `${(bits / 1e9).toFixed(2)} Gbit`;
}
