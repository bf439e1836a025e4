import { type Alternative, type Classification, type Priority, type Reason, Technique } from '../../contract.ts';
import type { Policy } from '../../policy/schema.ts';
import { notNamed, rowMatches, rowText } from '../../policy/table.ts';
import { staleTechniques } from './stale.ts';

/** One end of the migration, as far as post-copy is concerned. */
export interface PostCopyHost {
  host: string;
  /** Null: its hostd has not said. */
  permitted: boolean | null;
  /** hostd's own words for it. */
  why: string;
  /** When its link (or its hostd) was last lost, null if never seen. */
  linkLostAtMs: number | null;
}

/** What stands before a post-copy: both hosts (or source and all candidates), the guest, its owner's wish. */
export interface PostCopyFacts {
  hosts: readonly PostCopyHost[];
  /** Null: the VM is not in the source's sample, so it is not known. */
  blockers: readonly string[] | null;
  paused: boolean;
  metadata: Readonly<Record<string, string>>;
  memoryBytes: number;
  /** Selectors of the policy's postCopyGate.never that match the server, in words. */
  never: string | null;
}

/** A technique with why it was chosen and why the others were not. */
export interface TechniqueChoice {
  technique: Technique;
  reasons: Reason[];
  alternatives: Alternative[];
}

/** The technique that the policy's table names, and pre-copy where the gate does not let that one through. */
export function chooseTechnique(
  policy: Pick<Policy, 'id' | 'technique' | 'postCopyGate' | 'stale' | 'places'>,
  { priority, classification }: { priority: Priority; classification: Classification },
  nowMs: number,
  facts: PostCopyFacts,
): TechniqueChoice {
  if (policy.technique.kind === 'predict') {
    const { technique } = policy.stale;
    const reason = { code: 'no-prediction', text: `nothing can be predicted, so the stale rule applies: ${technique}` };
    return gated(policy, { technique, reasons: [reason], alternatives: staleTechniques(technique) }, nowMs, facts);
  }
  const { rows } = policy.technique;
  const { contention, cluster, scenario } = classification;
  const cell = { contention, priority, cluster, scenario };
  const index = rows.findIndex((row) => rowMatches(row, cell));
  const row = rows[index];
  // The loader refuses tables that leave a cell open.
  if (!row) throw new RangeError(`policy ${policy.id} has no technique for ${Object.values(cell).join(', ')}`);
  const text = `${rowText(policy, 'technique', index)}: contention ${contention}, priority ${priority}, VM ${cluster}, scenario ${scenario}: ${row.technique}`;
  const alternatives = Technique.options
    .filter((other) => other !== row.technique)
    .map((technique) => ({
      technique,
      reason: notNamed(policy, 'technique', rows, { cell, decided: index, word: technique }),
      prediction: null,
    }));
  const reasons: Reason[] = [{ code: 'technique-row', text }];
  return gated(policy, { technique: row.technique, reasons, alternatives }, nowMs, facts);
}

/** Pre-copy where the gate does not let the chosen one through. */
export function gated(
  policy: Pick<Policy, 'postCopyGate'>,
  choice: TechniqueChoice,
  nowMs: number,
  facts: PostCopyFacts,
): TechniqueChoice {
  const gate = gatePostCopy(policy, choice.technique, nowMs, facts);
  if (!gate) return choice;
  return {
    technique: 'pre-copy',
    reasons: [...choice.reasons, { ...gate, text: `pre-copy instead of ${choice.technique}: ${gate.text}` }],
    alternatives: [
      { technique: choice.technique, reason: gate, prediction: null },
      ...choice.alternatives.filter(({ technique }) => technique !== 'pre-copy'),
    ],
  };
}

/**
 * Why this technique may not be used here, or null if nothing is in the way. Post-copy and hybrid-copy both end in
 * post-copy. Where post-copy is not permitted, Nova's force_complete would pause the guest instead
 * (nova/virt/libvirt/driver.py, live_migration_force_complete).
 */
export function gatePostCopy(
  policy: Pick<Policy, 'postCopyGate'>,
  technique: Technique,
  nowMs: number,
  { hosts, blockers, paused, metadata, memoryBytes, never }: PostCopyFacts,
): Reason | null {
  if (technique === 'pre-copy') return null;

  const forbidding = hosts.find(({ permitted }) => permitted === false);
  if (forbidding) {
    const text = `post-copy is not permitted on ${forbidding.host}${forbidding.why ? ` (${forbidding.why})` : ''}`;
    return { code: 'post-copy-not-permitted', text };
  }
  const silent = hosts.find(({ permitted }) => permitted === null);
  if (silent || hosts.length < 2) {
    const where = silent ? silent.host : 'the destination, which nobody knows yet';
    return { code: 'post-copy-unknown', text: `whether post-copy is permitted is not known for ${where}` };
  }
  if (paused) return { code: 'guest-paused', text: 'the guest is paused, Nova and QEMU refuse post-copy then' };
  if (blockers === null) {
    return { code: 'post-copy-unknown', text: "the VM is not in its host's sample, so its devices are not known" };
  }
  if (blockers.length > 0) {
    return { code: 'post-copy-blocked', text: `the guest cannot do post-copy: ${blockers.join(', ')}` };
  }
  if (Object.hasOwn(metadata, 'drover:postcopy') && metadata['drover:postcopy'] === 'never') {
    return { code: 'post-copy-never', text: 'the server is marked drover:postcopy=never in its metadata' };
  }
  if (never) return { code: 'post-copy-never', text: `the policy's postCopyGate.never matches: ${never}` };
  const { linkLostWithinMs, minMemoryBytes } = policy.postCopyGate;
  if (memoryBytes < minMemoryBytes) {
    const text = `the guest has ${mebibytes(memoryBytes)}, post-copy is for guests of ${mebibytes(minMemoryBytes)} or more`;
    return { code: 'memory-small', text };
  }
  const lost = hosts.find(({ linkLostAtMs }) => linkLostAtMs !== null && nowMs - linkLostAtMs <= linkLostWithinMs);
  if (lost) {
    const text = `the link of ${lost.host} was lost within the last ${linkLostWithinMs / 60_000} min, a guest in post-copy dies with its link`;
    return { code: 'link-lost', text };
  }
  return null;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
