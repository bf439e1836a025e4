import { expect, it } from 'vitest';
import { vm } from './doubles.ts';
import { ControllerRig } from './rig.ts';

const WITHIN = { timeout: 10_000 };
/** QEMU's limit lets up to a tenth more pass than it says. */
const held = (bitsPerSecond: number) => Math.floor(bitsPerSecond / 1.1);
const RACK = 'switches:\n  rack-1: { hosts: [compute-1, compute-2], capacity: 1 Gbit, migrations: 100 Mbit }\n';

it('cuts what runs over an uplink when a second and an urgent one start over it, and gives it back when they end', async () => {
  const rig = new ControllerRig(RACK, ['compute-1', 'compute-2', 'compute-3', 'compute-4']);
  const [first, second] = rig.hosts;
  if (!first || !second) throw new Error('the rig has two hosts');
  rig.nova.computeHosts = rig.hosts.map(({ host }) => host);
  first.vmUuids = [1, 3].map(vm);
  second.vmUuids = [vm(2)];
  rig.nova.addServer(vm(1), { metadata: { 'drover:priority': 'low' } });
  rig.nova.addServer(vm(2), { host: 'compute-2', metadata: { 'drover:priority': 'high' } });
  const controller = await rig.start();
  const limitOf = (n: 1 | 2) => {
    const lease = (n === 1 ? first : second).leases.get(`migration-${n}`);
    return lease && [lease.maxBandwidthBitsPerSecond, lease.tx?.migration.ceilBitsPerSecond];
  };

  await rig.ask(1, { host: 'compute-3' });
  await expect.poll(() => limitOf(1), WITHIN).toEqual([held(100e6), 100e6]);
  // All that the uplink has but the other's least, which it is cut to and not below.
  await rig.ask(2, { host: 'compute-4' });
  await expect
    .poll(() => [limitOf(1), limitOf(2)], WITHIN)
    .toEqual([
      [held(10e6), 10e6],
      [held(90e6), 90e6],
    ]);
  const rates = Object.fromEntries(
    controller.views.plan().migrations.map((each) => [each.vmUuid, each.rates[0]?.bitsPerSecond]),
  );
  expect(rates).toEqual({ [vm(1)]: 10e6, [vm(2)]: 90e6 });
  const cut = (await rig.store.newest(10)).find(({ vmUuid }) => vmUuid === vm(1));
  expect(cut?.decision?.reservation.streamReason).toEqual({
    code: 'uplink-share',
    text: 'held to 10 Mbit/s, its share of what switches have for migrations: rack-1 up (100 Mbit/s)',
  });

  // The other is raised: equals share what there is.
  rig.nova.set(vm(2), { phase: 'completed', status: 'completed' });
  await expect.poll(() => limitOf(1), WITHIN).toEqual([held(100e6), 100e6]);
  rig.nova.set(vm(1), { phase: 'completed', status: 'completed' });
  await expect.poll(() => rig.ends(), WITHIN).toEqual({ 1: 'completed completed', 2: 'completed completed' });
});
