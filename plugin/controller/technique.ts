import type { Classification, Priority, Reason, Technique } from '../contract.ts';
import type { Policy } from '../policy/schema.ts';
import { rowMatches } from '../policy/table.ts';

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
}

/** The technique that the policy's table names, and pre-copy where the gate does not let that one through. */
export function chooseTechnique(
  policy: Pick<Policy, 'id' | 'technique' | 'postCopyGate'>,
  { priority, classification }: { priority: Priority; classification: Classification },
  nowMs: number,
  facts: PostCopyFacts,
): { technique: Technique; reasons: Reason[] } {
  const { contention, cluster, scenario } = classification;
  const cell = { contention, priority, cluster, scenario };
  const index = policy.technique.findIndex((row) => rowMatches(row, cell));
  const row = policy.technique[index];
  // The loader refuses tables that leave a cell open.
  if (!row) throw new RangeError(`policy ${policy.id} has no technique for ${Object.values(cell).join(', ')}`);
  const text = `row ${index + 1} of ${policy.id}: contention ${contention}, priority ${priority}, VM ${cluster}, scenario ${scenario}: ${row.technique}`;
  const reasons: Reason[] = [{ code: 'technique-row', text }];
  const gate = gatePostCopy(policy, row.technique, nowMs, facts);
  if (!gate) return { technique: row.technique, reasons };
  reasons.push({ ...gate, text: `pre-copy instead of ${row.technique}: ${gate.text}` });
  return { technique: 'pre-copy', reasons };
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
  { hosts, blockers, paused, metadata }: PostCopyFacts,
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
  const { linkLostWithinMs } = policy.postCopyGate;
  const lost = hosts.find(({ linkLostAtMs }) => linkLostAtMs !== null && nowMs - linkLostAtMs <= linkLostWithinMs);
  if (lost) {
    const text = `the link of ${lost.host} was lost within the last ${linkLostWithinMs / 60_000} min, a guest in post-copy dies with its link`;
    return { code: 'link-lost', text };
  }
  return null;
}
