import { afterAll, beforeAll, expect, it } from 'vitest';
import { Counting } from './counting.ts';
import { HOST, lease, PEER, Rig } from './rig.ts';
import { classCounters, flow, grown, withoutSuperPackets } from './wire.ts';

/** A tenant's network in VXLAN over the NIC, as Neutron's Linux bridges have it: tap - bridge - vxlan - NIC. */
const rig = new Rig();
const BYTES = 1_000_000;
const FAR = '10.50.0.2';

beforeAll(async () => {
  await rig.start();
  const tunnel = ['type', 'vxlan', 'id', '42', 'dstport', '4789'];
  await rig.ip('link', 'add', 'name', 'brq-vx', 'type', 'bridge');
  await rig.ip('link', 'add', 'name', 'vxlan-42', ...tunnel, 'local', HOST, 'remote', PEER, 'dev', 'brq0');
  // Nothing is in the tunnel but the guest: bridge and port are silent (IPv6 announces every interface).
  for (const device of ['brq-vx', 'vxlan-42']) {
    await rig.exec(rig.host, 'sysctl', '-qw', `net.ipv6.conf.${device}.disable_ipv6=1`);
  }
  await rig.ip('link', 'set', 'dev', 'brq-vx', 'up');
  await rig.ip('link', 'set', 'dev', 'vxlan-42', 'master', 'brq-vx', 'up');
  await rig.ip('link', 'set', 'dev', rig.taps[1], 'master', 'brq-vx');
  const inPeer = (...args: string[]) => rig.exec(rig.peer, 'ip', ...args);
  await inPeer('link', 'add', 'name', 'vx', ...tunnel, 'local', PEER, 'remote', HOST, 'dev', 'eth0');
  await inPeer('address', 'add', `${FAR}/24`, 'dev', 'vx');
  await inPeer('link', 'set', 'dev', 'vx', 'up');
  const inGuest = (...args: string[]) => rig.exec(rig.guests[1], 'ip', ...args);
  await inGuest('address', 'add', '10.50.0.12/24', 'dev', 'eth0');
  await inGuest('link', 'set', 'dev', 'eth0', 'mtu', '1450');
  await withoutSuperPackets(rig, [rig.guests[1], 'eth0'], [rig.peer, 'vx'], [rig.host, 'brq0'], [rig.peer, 'eth0']);
  await rig.startDaemon();
  expect((await rig.call('PUT', '/v1/leases/a', lease(100, 80))).status).toBe(200);
});
afterAll(() => rig.stop());

it.each([
  ['leave', 'nic0', 'tx', () => ({ from: rig.guests[1], to: rig.peer, address: FAR })],
  ['enter', 'drover-ifb0', 'rx', () => ({ from: rig.peer, to: rig.guests[1], address: '10.50.0.12' })],
] as const)(
  "a tenant's flows in a tunnel that %s on QEMU's ports are workload, counted with the tunnel's headers",
  async (_, device, way, ends) => {
    const counting = new Counting(rig, { taps: rig.taps });
    await counting.begin();
    await flow(rig, { ...ends(), port: 49_170, bytes: 10_000 });
    const [started, before] = [await counting.read(), await classCounters(rig, device)];
    await flow(rig, { ...ends(), port: 49_171, bytes: BYTES });
    const classes = grown(before, await classCounters(rig, device));
    const ended = await counting.read();
    counting.stop();
    expect(ended).toMatchObject({ method: 'nftables', problem: null });
    const vm = (ended.taps[1]?.[way] ?? 0) - (started.taps[1]?.[way] ?? 0);
    expect(classes.migration.packets).toBe(0);
    expect(classes.workload.dropped).toBe(0);
    // What the class sent is what the VM is told to have sent, 50 bytes of headers a packet. A frame or two of others, as
    // ARP's, may come between: 158 bytes were seen once.
    expect(Math.abs(classes.workload.bytes - vm)).toBeLessThan(500);
    expect(vm).toBeGreaterThan(BYTES * ((1398 + 52 + 14 + 50) / 1398));
    expect([ended.own.migrationTx, ended.own.migrationRx]).toEqual([0, 0]);
  },
);

it('migration beside the tunnel goes untunnelled and is in its class, while the tenant is in the other', async () => {
  const before = await classCounters(rig, 'nic0');
  await Promise.all([
    flow(rig, { from: rig.guests[1], to: rig.peer, address: FAR, port: 49_172, bytes: BYTES }),
    flow(rig, { from: rig.host, to: rig.peer, address: PEER, port: 49_173, bytes: 2 * BYTES }),
  ]);
  const { migration, workload } = grown(before, await classCounters(rig, 'nic0'));
  expect(migration.bytes / (2 * BYTES)).toBeCloseTo(1514 / 1448, 1);
  expect(workload.bytes / BYTES).toBeCloseTo(1514 / 1398, 1);
});
