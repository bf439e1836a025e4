import type { HostView, Reason } from '../contract.ts';
import type { Policy } from '../policy/schema.ts';
import type { TrackedHost } from '../tracker/tracker.ts';

/** Rates older than this are not shown as those of now. */
const STALE_MS = 10_000;

interface Moving {
  id: number;
  source: string;
  destination: string | null;
}

/** What is known of a compute host now, and what an operator should know about it. */
export function hostView(
  name: string,
  { info, sample, sampleAtMs, reachable }: Omit<TrackedHost, 'client'>,
  { nowMs, policy, moving }: { nowMs: number; policy: Pick<Policy, 'caps'> | null; moving: readonly Moving[] },
): HostView {
  const sampleAgeMs = sample === null ? null : Math.max(0, nowMs - sampleAtMs) + sample.ageMs;
  const fresh = sampleAgeMs !== null && sampleAgeMs <= STALE_MS;
  return {
    host: name,
    reachable,
    sampleAgeMs,
    linkBitsPerSecond: info?.linkBitsPerSecond ?? null,
    shapeableBitsPerSecond: info?.shapeableBitsPerSecond ?? null,
    nic: fresh ? (sample?.nic ?? null) : null,
    reserved: fresh ? (sample?.reserved ?? null) : null,
    postCopy: info?.postCopy ?? null,
    maxConcurrentLiveMigrations: info?.maxConcurrentLiveMigrations ?? null,
    libvirtVersion: info?.libvirtVersion ?? null,
    qemuVersion: info?.qemuVersion ?? null,
    leaving: moving.filter(({ source }) => source === name).map(({ id }) => id),
    arriving: moving.filter(({ destination }) => destination === name).map(({ id }) => id),
    warnings: [
      ...(reachable ? [] : [silent(name)]),
      ...(reachable && !fresh ? [stale(name, sampleAgeMs)] : []),
      ...novaSerial(name, info?.maxConcurrentLiveMigrations ?? null, policy?.caps.parallelPerLink ?? null),
    ],
  };
}

function silent(name: string): Reason {
  const text = `hostd on ${name} does not answer: nothing is measured, reserved or switched there; see its log and its certificate`;
  return { code: 'hostd-silent', text };
}

function stale(name: string, ageMs: number | null): Reason {
  const what =
    ageMs === null
      ? `there is no sample of ${name}`
      : `the newest sample of ${name} is ${Math.round(ageMs / 1000)} s old`;
  return { code: 'stale-samples', text: `${what}: the policy's "stale" rule decides` };
}

/**
 * Nova queues on the source host what is over `max_concurrent_live_migrations` (its default is 1), without any priority:
 * nova/compute/manager.py, `_live_migration_executor`.
 *
 * | Nova's limit | policy's caps.parallelPerLink | warning                       |
 * |--------------|-------------------------------|-------------------------------|
 * | 0 (none)     | 4                             |                               |
 * | 1            | 4                             | gangs run one after the other |
 * | 2            | 4                             | gangs run two at a time       |
 * | 4            | 4                             |                               |
 */
function novaSerial(name: string, limit: number | null, parallel: number | null): Reason[] {
  if (limit === null || limit === 0 || parallel === null || limit >= parallel) return [];
  const how = limit === 1 ? 'one after the other' : `${limit} at a time`;
  const text = `Nova's max_concurrent_live_migrations is ${limit} on ${name}: parallel migrations from it run ${how}, though the policy permits ${parallel}. Set it to ${parallel} in nova.conf there`;
  return [{ code: 'nova-serial', text }];
}
