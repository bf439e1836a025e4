import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Counting } from './counting.ts';
import { HOST, lease, Rig } from './rig.ts';
import { classCounters, flow, grown, withoutSuperPackets } from './wire.ts';

/** Migration addresses of IPv6, the API and ssh on IPv4: a host with both. */
const rig = new Rig();
const HOST6 = 'fd99::1';
const PEER6 = 'fd99::2';
const GUEST6 = 'fd99::11';
const BYTES = 1_000_000;

beforeAll(async () => {
  await rig.start();
  const ends: [string, string, string][] = [
    [rig.host, 'brq0', HOST6],
    [rig.peer, 'eth0', PEER6],
    [rig.guests[0], 'eth0', GUEST6],
  ];
  for (const [namespace, device, address] of ends) {
    await rig.exec(namespace, 'ip', 'address', 'add', `${address}/64`, 'dev', device, 'nodad');
  }
  await withoutSuperPackets(rig, [rig.host, 'brq0'], [rig.peer, 'eth0'], [rig.guests[0], 'eth0']);
  await rig.startDaemon({ migration: { address: HOST6, peers: ['10.99.0.0/29', `${PEER6}/125`, 'fd98::9/128'] } });
  expect((await rig.call('PUT', '/v1/leases/a', lease(100, 80))).status).toBe(200);
});
afterAll(() => rig.stop());

describe.each(['nftables', 'iptables'] as const)('migration over IPv6, counted with %s', (method) => {
  it.each([
    ['leaves', 'nic0', 'Tx', () => ({ from: rig.host, to: rig.peer, address: PEER6, port: 49_160 })],
    ['enters', 'drover-ifb0', 'Rx', () => ({ from: rig.peer, to: rig.host, address: HOST6, port: 49_215 })],
  ] as const)('that %s is in its class and its counter, to the byte', async (_, device, way, ends) => {
    const counting = new Counting(rig, { taps: [rig.taps[0]], method, ownAddresses: [HOST6, HOST] });
    await counting.begin();
    const [started, before] = [await counting.read(), await classCounters(rig, device)];
    await flow(rig, { ...ends(), bytes: BYTES });
    const classes = grown(before, await classCounters(rig, device));
    const ended = await counting.read();
    counting.stop();
    expect(ended.method).toBe(method);
    const counted = ended.own[`migration${way}`] - started.own[`migration${way}`];
    expect(classes.migration.dropped).toBe(0);
    expect(classes.migration.bytes).toBe(counted);
    // 1428 bytes of data in 1514 on the wire.
    expect(counted).toBeGreaterThan(BYTES * 1.05);
    expect(counted).toBeLessThan(BYTES * 1.08);
    expect(classes.workload.packets).toBe(0);
  });

  it("a tenant's flow on those ports, and the host's on others, are workload", async () => {
    const counting = new Counting(rig, { taps: [rig.taps[0]], method, ownAddresses: [HOST6, HOST] });
    await counting.begin();
    const [started, before] = [await counting.read(), await classCounters(rig, 'nic0')];
    await flow(rig, { from: rig.guests[0], to: rig.peer, address: PEER6, port: 49_161, bytes: BYTES });
    await flow(rig, { from: rig.host, to: rig.peer, address: PEER6, port: 5301, bytes: BYTES });
    const classes = grown(before, await classCounters(rig, 'nic0'));
    const ended = await counting.read();
    counting.stop();
    expect(classes.migration.packets).toBe(0);
    expect(classes.workload.bytes).toBeGreaterThan(2 * BYTES * 1.05);
    expect([ended.own.migrationTx, ended.own.migrationRx]).toEqual([started.own.migrationTx, started.own.migrationRx]);
    const tap = (ended.taps[0]?.tx ?? 0) - (started.taps[0]?.tx ?? 0);
    expect(tap).toBeGreaterThan(BYTES * 1.05);
    expect(tap).toBeLessThan(BYTES * 1.08);
  });

  it("the host's ICMPv6 is control", async () => {
    const counting = new Counting(rig, { taps: [rig.taps[0]], method, ownAddresses: [HOST6, HOST] });
    await counting.begin();
    const [started, before] = [await counting.read(), await classCounters(rig, 'nic0')];
    await rig.exec(rig.host, 'ping', '-q', '-f', '-c', '500', '-s', '1000', PEER6);
    const classes = grown(before, await classCounters(rig, 'nic0'));
    const ended = await counting.read();
    counting.stop();
    const frames = 500 * (1000 + 8 + 40 + 14);
    for (const bytes of [classes.control.bytes, ended.own.controlTx - started.own.controlTx]) {
      expect(bytes).toBeGreaterThanOrEqual(frames);
      // hostd's answers and neighbour discovery.
      expect(bytes).toBeLessThan(frames + 20_000);
    }
  });
});

it.each([
  ['IPv4', '10.99.0.2', '-4'],
  ['IPv6', PEER6, '-6'],
])('who is where (%s) is found out while tenants flood both directions', async (_, address, family) => {
  expect((await rig.call('PUT', '/v1/leases/a', lease(100, 20))).status).toBe(200);
  const servers = await Promise.all([5401, 5402].map((port) => rig.iperfServer(rig.peer, port)));
  const udp = ['-u', '-l', '1200', '-b', '150M', '-t', '4', '--connect-timeout', '2000'];
  const flood = Promise.allSettled([
    rig.exec(rig.guests[0], 'iperf3', '-c', '10.99.0.2', '-p', '5401', ...udp),
    rig.exec(rig.guests[1], 'iperf3', '-c', '10.99.0.2', '-p', '5402', '-R', '-P', '8', ...udp),
  ]);
  await rig.exec(rig.host, 'sleep', '1');
  const before = [await classCounters(rig, 'nic0'), await classCounters(rig, 'drover-ifb0')] as const;
  for (let round = 0; round < 10; round += 1) {
    await rig.exec(rig.host, 'ip', 'neighbour', 'flush', 'dev', 'brq0', 'to', address);
    const said = await rig.exec(rig.host, 'ping', family, '-q', '-c', '1', '-W', '1', address);
    expect(said).toContain(' 0% packet loss');
  }
  const after = [await classCounters(rig, 'nic0'), await classCounters(rig, 'drover-ifb0')] as const;
  // The workload's queues were full all the while.
  expect(grown(before[0], after[0]).workload.dropped).toBeGreaterThan(100);
  expect(grown(before[1], after[1]).workload.dropped).toBeGreaterThan(100);
  await flood;
  for (const server of servers) server.kill();
});
