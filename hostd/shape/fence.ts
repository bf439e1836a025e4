import { HostdError } from '../errors.ts';

/** Who asks for a change of a lease. */
export interface Claim {
  fence: number;
  /** Common name of the client certificate. */
  owner: string;
  /** The holder that the lease shall name; left out by a release. */
  holder?: string | undefined;
}

/** What the claim meets: the highest fence seen on this host, and the lease of that id if there is one. */
export interface Standing {
  fence: number;
  lease: { leaseId: string; fence: number; owner: string; holder: string } | null;
  /** Where the highest fence is kept, for the text of a refusal. */
  fenceFile: string;
}

/**
 * Fencing as in Kleppmann, "How to do distributed locking" (2016): the number grows with each leadership, so whoever
 * comes with a lower one than this host has seen has been replaced meanwhile and must not undo what its successor did.
 *
 * Highest seen 7; the lease was taken by plugin-a for holder H with fence 5:
 *
 * | fence | owner    | holder | answer       |
 * |-------|----------|--------|--------------|
 * | 6     | any      | any    | lease-fenced |
 * | 7     | plugin-a | H      | taken        |
 * | 7     | plugin-b | any    | taken: above the lease's 5 |
 *
 * And with fence 7 in the lease:
 *
 * | fence | owner    | holder | answer     |
 * |-------|----------|--------|------------|
 * | 7     | plugin-a | H      | taken      |
 * | 7     | plugin-b | any    | lease-held |
 * | 7     | plugin-a | other  | lease-held |
 * | 8     | any      | any    | taken      |
 *
 * @throws HostdError `lease-fenced` or `lease-held`.
 */
export function checkClaim(claim: Claim, { fence: highest, lease, fenceFile }: Standing): void {
  if (claim.fence < highest) {
    throw new HostdError(
      'lease-fenced',
      `Fence ${claim.fence} is below ${highest}, the highest that was seen here: another leader has taken over. Stop ` +
        `using this one and ask with the present leader's fence. If ${highest} was a mistake: stop hostd, remove ` +
        `${fenceFile} and start it.`,
    );
  }
  if (lease === null || claim.fence > lease.fence) return;
  if (claim.fence < lease.fence || claim.owner !== lease.owner) {
    throw new HostdError(
      'lease-held',
      `Lease ${lease.leaseId} is ${lease.owner}'s with fence ${lease.fence}; ${claim.owner} asks with ${claim.fence}. ` +
        'Another client may change or release it with a higher fence only. Take another lease id, or wait until it ends.',
    );
  }
  if (claim.holder !== undefined && claim.holder !== lease.holder) {
    throw new HostdError(
      'lease-held',
      `Lease ${lease.leaseId} is held by ${lease.holder}, not ${claim.holder}. The holder changes with a fence above ` +
        `${lease.fence} only. Take another lease id.`,
    );
  }
}
