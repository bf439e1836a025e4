import type { Hold } from '../../bandwidth/lease.ts';
import type { WorkloadRates } from '../../contract.ts';
import type { HostClient } from '../../tracker/hosts.ts';
import type { Tracker } from '../../tracker/tracker.ts';
import type { StoredMigration } from '../store/store.ts';
import { workloadRates } from './outcome.ts';

/** The leases that a decided migration wants; null if nothing can be reserved on either host. */
export function holdOf(record: StoredMigration, tracker: Tracker): Hold | null {
  const { decision } = record;
  if (!decision) return null;
  const { maxDowntimeMs } = decision;
  const { sourceTx, destinationRx, streamBitsPerSecond: maxBandwidthBitsPerSecond = null } = decision.reservation;
  const source = tracker.hosts.get(record.source)?.client;
  const destination = tracker.hosts.get(record.destination ?? '')?.client;
  return {
    migrationId: record.id,
    vmUuid: record.vmUuid,
    priority: decision.priority,
    source: source && sourceTx ? { client: source, tx: sourceTx, maxDowntimeMs, maxBandwidthBitsPerSecond } : null,
    destination: destination && destinationRx ? { client: destination, rx: destinationRx } : null,
  };
}

/** The traffic on both links of a migration now; null without samples of both. */
export function trafficOf(
  { vmUuid, source, destination }: Pick<StoredMigration, 'vmUuid' | 'source' | 'destination'>,
  tracker: Tracker,
): WorkloadRates | null {
  const sample = (host: string | null) => tracker.hosts.get(host ?? '')?.sample ?? null;
  return workloadRates(vmUuid, sample(source), sample(destination));
}

export function leaseClients(record: StoredMigration, tracker: Tracker): HostClient[] {
  const hosts = [record.source, record.destination].map((host) => tracker.hosts.get(host ?? '')?.client);
  return hosts.filter((client) => client !== undefined);
}
