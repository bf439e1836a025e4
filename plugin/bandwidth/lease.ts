import type { LinkReservation, Priority } from 'drover-hostd/contract';
import { DroverError, describeError } from '../errors.ts';
import type { HostClient } from '../tracker/hosts.ts';

/** How long a lease lives without renewal: longer than a restart of the plugin, shorter than anybody's patience. */
export const LEASE_TTL_MS = 30_000;
export const RENEW_EVERY_MS = 8000;

/** What one migration holds on its two hosts. */
export interface Hold {
  migrationId: number;
  vmUuid: string;
  priority: Priority;
  /** Null where nothing is (or can be) reserved. */
  source: {
    client: HostClient;
    tx: LinkReservation;
    maxDowntimeMs: number | null;
    /** QEMU's own limit on the stream; null: none. */
    maxBandwidthBitsPerSecond: number | null;
  } | null;
  destination: { client: HostClient; rx: LinkReservation } | null;
}

/**
 * Puts (or renews, or changes) the leases of one migration on both hosts at once.
 *
 * @returns the error of each host that refused; the other host's lease stands all the same.
 */
export async function putLeases(hold: Hold): Promise<DroverError[]> {
  const { migrationId, vmUuid, priority, source, destination } = hold;
  const common = { holder: `drover/migration-${migrationId}`, vmUuid, priority, ttlMs: LEASE_TTL_MS };
  const puts: Promise<unknown>[] = [];
  if (source) {
    const { client, tx, maxDowntimeMs, maxBandwidthBitsPerSecond } = source;
    const limits = {
      ...(maxDowntimeMs === null ? {} : { maxDowntimeMs }),
      ...(maxBandwidthBitsPerSecond === null ? {} : { maxBandwidthBitsPerSecond }),
    };
    puts.push(client.putLease(leaseId(migrationId), { ...common, tx, ...limits }));
  }
  if (destination) {
    puts.push(destination.client.putLease(leaseId(migrationId), { ...common, rx: destination.rx }));
  }
  return errorsOf(await Promise.allSettled(puts));
}

/** Ends the leases of one migration; a host that cannot be reached drops its lease by itself after LEASE_TTL_MS. */
export async function dropLeases(migrationId: number, clients: HostClient[]): Promise<DroverError[]> {
  return errorsOf(await Promise.allSettled(clients.map((client) => client.deleteLease(leaseId(migrationId)))));
}

function leaseId(migrationId: number): string {
  return `migration-${migrationId}`;
}

function errorsOf(results: PromiseSettledResult<unknown>[]): DroverError[] {
  return results.flatMap((result) => {
    if (result.status === 'fulfilled') return [];
    const { reason } = result;
    return [reason instanceof DroverError ? reason : new DroverError('hostd-refused', describeError(reason))];
  });
}
