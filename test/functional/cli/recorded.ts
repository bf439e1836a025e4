import { decide } from '../../../plugin/controller/plan/decide.ts';
import { factsOf } from '../../../plugin/controller/plan/facts.ts';
import type { DatabaseAddress } from '../../../plugin/controller/store/address.ts';
import { Store } from '../../../plugin/controller/store/store.ts';
import { host, queued, vm, world } from '../../unit/controller/plan/worlds.ts';

/** Decisions by the shipped seed.yaml for busy VMs of high priority; the last one is of before facts were kept. */
export async function recordDecisions(database: string | DatabaseAddress, count: number): Promise<void> {
  const store = new Store(database);
  await store.start();
  if (store.shared) store.fence = (await store.takeLead({ replica: 'a', address: null, leaseMs: 60_000 })) ?? 0;
  for (let id = 1; id <= count; id++) {
    const migration = queued(id, { priority: 'high' });
    const busy = { tx: 400e6, vms: [vm(id, { txBitsPerSecond: 300e6 })] };
    const now = world({
      queue: [migration],
      hosts: { 'compute-1': host('compute-1', busy), 'compute-2': host('compute-2') },
    });
    if (!now.policy) throw new Error('there is one');
    const stored = await store.add({
      vmUuid: migration.vmUuid,
      userId: 'user',
      source: migration.source,
      destination: migration.destination,
      receivedAtMs: migration.receivedAtMs,
      request: { host: null, blockMigration: 'auto', diskOverCommit: null, force: null, microversion: '2.93' },
      server: { ...migration.server, metadata: { ...migration.server.metadata }, requesterRoles: [] },
    });
    const decision = decide(now, now.policy, migration);
    await store.update(stored.id, id < count ? { decision, facts: factsOf(now, migration) } : { decision });
  }
  await store.stop();
}
