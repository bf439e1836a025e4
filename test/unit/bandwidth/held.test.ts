import { expect, it } from 'vitest';
import { HeldLeases } from '../../../plugin/bandwidth/held.ts';
import type { Hold } from '../../../plugin/bandwidth/lease.ts';
import type { HostClient } from '../../../plugin/tracker/hosts.ts';

const CLASS = { rateBitsPerSecond: 1, ceilBitsPerSecond: 2, prio: 1 };

/** A host whose putLease is answered only when `answer` is called. */
function slowHost() {
  const calls: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const client = {
    host: 'compute-1',
    putLease: async () => {
      calls.push('put');
      await promise;
      calls.push('put answered');
    },
    deleteLease: async () => {
      calls.push('delete');
    },
  } as unknown as HostClient;
  const hold: Hold = {
    migrationId: 7,
    vmUuid: 'vm',
    priority: 'low',
    source: { client, tx: { migration: CLASS, workload: CLASS }, maxDowntimeMs: null, maxBandwidthBitsPerSecond: null },
    destination: null,
  };
  return { calls, client, hold, answer: resolve };
}

it('a lease that is dropped while it is being taken is dropped after that', async () => {
  const { calls, client, hold, answer } = slowHost();
  const held = new HeldLeases(7);
  const put = held.put(hold);
  await expect.poll(() => calls).toEqual(['put']);
  const dropped = held.drop([client]);
  answer();
  await Promise.all([put, dropped]);
  expect(calls).toEqual(['put', 'put answered', 'delete']);
});

it('a lease that was dropped is not taken again by what renews it', async () => {
  const { calls, client, hold, answer } = slowHost();
  answer();
  const held = new HeldLeases(7);
  await held.drop([client]);
  expect(await held.put(hold)).toEqual([]);
  expect(calls).toEqual(['delete']);
});
